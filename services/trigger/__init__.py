"""Routes events to the log, decides what follows from them, keeps the campaigns, answers why."""
