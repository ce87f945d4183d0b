"""How a Quintet process serves: errors, servers, channels, logs, metrics."""
