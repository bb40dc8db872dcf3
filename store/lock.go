package store

import (
	"encoding/json"
	"os"
	"time"
)

// A holder is what the process that has the state file open says about itself
// in a file beside it. The lock itself is bbolt's, on the state file; this is
// only read when that is taken, so a word left behind by a crash does no harm.
type holder struct {
	PID   int       `json:"pid"`
	Since time.Time `json:"since"`
}

func holderPath(path string) string { return path + ".lock" }

// sayHolder leaves word that this process holds the file.
func sayHolder(path string) error {
	b, err := json.Marshal(holder{PID: os.Getpid(), Since: time.Now().UTC().Truncate(time.Second)})
	if err != nil {
		return err
	}
	return os.WriteFile(holderPath(path), b, fileMode)
}

// locked names the holder of the file as far as it left word.
func locked(path string) *LockedError {
	var h holder
	b, err := os.ReadFile(holderPath(path))
	if err != nil || json.Unmarshal(b, &h) != nil {
		return &LockedError{Path: path}
	}
	return &LockedError{Path: path, PID: h.PID, Since: h.Since}
}
