"""What every kind of run shares: options, run directory, tracking, console, plots. Knows neither kind."""
