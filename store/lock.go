package store

import (
	"encoding/json"
	"os"
	"time"
)

// A holder describes the process that has the state file open, in a file next to
// it. The lock itself is bbolt's, on the state file. The description is only
// read if the lock is taken, so one left behind by a crash does no harm.
type holder struct {
	PID   int       `json:"pid"`
	Since time.Time `json:"since"`
}

func holderPath(path string) string { return path + ".lock" }

// writeHolder records that this process holds the file.
func writeHolder(path string) error {
	b, err := json.Marshal(holder{PID: os.Getpid(), Since: time.Now().UTC().Truncate(time.Second)})
	if err != nil {
		return err
	}
	return os.WriteFile(holderPath(path), b, fileMode)
}

// locked returns the error for a locked file, with its holder if that is known.
func locked(path string) *LockedError {
	var h holder
	b, err := os.ReadFile(holderPath(path))
	if err != nil || json.Unmarshal(b, &h) != nil {
		return &LockedError{Path: path}
	}
	return &LockedError{Path: path, PID: h.PID, Since: h.Since}
}
