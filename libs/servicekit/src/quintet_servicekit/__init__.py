"""What every Quintet process shares: servers, channels, errors, logs, metrics and traces."""
