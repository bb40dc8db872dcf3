package sync

import "time"

// A Status is how one portal of the daemon stands.
type Status struct {
	Portal string `json:"portal"`
	// Ready is false where a person is needed; Problem then says what is wrong
	// and what to do.
	Ready   bool   `json:"ready"`
	Problem string `json:"problem,omitempty"`
	// Trouble is why the last run ended early, where the next one may well
	// succeed by itself.
	Trouble  string    `json:"trouble,omitempty"`
	Since    time.Time `json:"since,omitzero"`     // of the problem or trouble
	Doing    Mode      `json:"doing,omitempty"`    // the run under way, if any
	LastSync time.Time `json:"last_sync,omitzero"` // when the last run without error finished
	NextRun  time.Time `json:"next_run,omitzero"`  // the schedule's next slot, offset included
}
