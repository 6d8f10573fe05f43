"""A bicycle shop that does not exist, its campaigns and its shoppers."""
