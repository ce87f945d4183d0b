"""All services of a small installation in one process; `quintet serve` starts it."""
