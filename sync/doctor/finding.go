package doctor

import "slices"

// A Level is how serious a [Finding] is.
type Level string

// The levels, from good to bad.
const (
	OK   Level = "ok"
	Warn Level = "warn" // works, but an admin should look at it some day
	Fail Level = "fail" // does not work until an admin has done something
)

// A Finding is one line of the doctor's: what was looked at, and how it is.
type Finding struct {
	Portal string `json:"portal,omitempty"` // "" for what concerns all portals
	Check  string `json:"check"`            // fixed name of what was looked at, such as "clock"
	Level  Level  `json:"level"`
	What   string `json:"what"`             // what was found
	Remedy string `json:"remedy,omitempty"` // what to do about it; never empty for Fail
}

// Worst returns the worst level among the findings.
func Worst(findings []Finding) Level {
	order := []Level{OK, Warn, Fail}
	level := 0
	for _, f := range findings {
		level = max(level, slices.Index(order, f.Level))
	}
	return order[level]
}
