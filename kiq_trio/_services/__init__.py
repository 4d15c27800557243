"""What runs beside the jobs, by the clock."""
