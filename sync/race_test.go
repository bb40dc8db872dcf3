//go:build race

package sync

// raceDetector makes everything about ten times slower.
const raceDetector = true
