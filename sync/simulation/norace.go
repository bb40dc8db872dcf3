//go:build !race

package simulation

// RaceDetector reports whether the race detector is on, which makes everything
// about ten times slower.
const RaceDetector = false
