package sync

import "time"

// A QuarantineList is one portal's quarantine for people and programs to read.
// The rows themselves, which hold personal data, are not in it.
type QuarantineList struct {
	Portal  string             `json:"portal"`
	Records []QuarantineRecord `json:"records"`
	Groups  []QuarantineGroup  `json:"groups"` // largest first
}

// A QuarantineRecord is one record that could not be synced.
type QuarantineRecord struct {
	Key           string    `json:"key"`
	TransactionID string    `json:"transaction_id,omitempty"`
	Class         string    `json:"class"`
	Reason        string    `json:"reason"` // HubSpot's own words included
	CorrelationID string    `json:"correlation_id,omitempty"`
	Attempts      int       `json:"attempts"`
	First         time.Time `json:"first"`
	Last          time.Time `json:"last"`
}

// A QuarantineGroup is the records that are there for one reason.
type QuarantineGroup struct {
	Class  string   `json:"class"`
	Reason string   `json:"reason"` // of the first of them, in HubSpot's own words
	Count  int      `json:"count"`
	Keys   []string `json:"keys"` // of the first few
}
