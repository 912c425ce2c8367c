//go:build race

package main

// raced reports that the race detector is on, which increases time and memory.
const raced = true
