package sync

import "time"

// A QuarantineList is one portal's quarantine as it is shown. The records
// themselves, which hold personal data, are not in it.
type QuarantineList struct {
	Portal  string             `json:"portal"`
	Records []QuarantineRecord `json:"records"`
	Groups  []QuarantineGroup  `json:"groups"`
}

// A QuarantineRecord is a record that could not be synced.
type QuarantineRecord struct {
	Key           string    `json:"key"` // names it to a Retry
	TransactionID string    `json:"transaction_id,omitempty"`
	Class         string    `json:"class"`  // stable word to group by: unreadable, no_id, refused, …
	Reason        string    `json:"reason"` // HubSpot's own words kept
	CorrelationID string    `json:"correlation_id,omitempty"`
	Attempts      int       `json:"attempts"`
	First         time.Time `json:"first"`
	Last          time.Time `json:"last"`
}

// A QuarantineGroup is the records that could not be synced for one reason.
type QuarantineGroup struct {
	Class  string   `json:"class"`
	Reason string   `json:"reason"`
	Count  int      `json:"count"`
	Keys   []string `json:"keys"` // the first few
}
