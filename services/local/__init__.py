"""One machine: supervises the store, Ray and the four services."""
