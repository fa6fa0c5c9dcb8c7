"""What everything else is made of: the data model, the seams, errors, settings, the clock."""
