"""What is asked, answered and spent, counted by the hour: the figures of the overview and of the usage report."""
