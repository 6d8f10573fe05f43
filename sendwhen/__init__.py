"""sendwhen: the right email, the moment a customer does, or fails to do, something."""
