package sync

// A Level is how serious a [Finding] is.
type Level string

// The levels, from good to bad.
const (
	OK   Level = "ok"
	Warn Level = "warn" // works, but a person should look at it some day
	Fail Level = "fail" // does not work until a person has done something
)

// A Finding is one line of the doctor's: what was looked at, and how it is.
type Finding struct {
	Portal string `json:"portal,omitempty"` // "" for what concerns all portals
	Check  string `json:"check"`            // fixed name of what was looked at, such as "clock"
	Level  Level  `json:"level"`
	What   string `json:"what"`             // what was found
	Remedy string `json:"remedy,omitempty"` // what to do about it; never empty for Fail
}
