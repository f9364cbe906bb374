"""Models: from counts and a calendar to a forecast with its uncertainty. One contract for all (`base`)."""
