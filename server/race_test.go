//go:build race

package main

// raced tells that the race detector is on, which makes everything take longer and more memory.
const raced = true
