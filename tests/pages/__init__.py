"""The pages of the project, and the commands that they show."""
