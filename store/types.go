package store

import (
	"encoding/json"
	"time"

	"thnks-hubspot-sync/sync/plan"
)

// A Checkpoint says how far a named kind of run has come. It only ever
// describes work that is committed.
type Checkpoint struct {
	// Watermarks hold, per source key, how new the newest transaction is that
	// has been committed.
	Watermarks map[string]time.Time
	// Since, Source and Cursor say where an unfinished listing stands: which
	// source key, which since-filter (zero for all), which page comes next.
	Since    time.Time
	Source   string
	Cursor   string
	Done     []string // source keys whose listing is worked off
	Started  time.Time
	Finished time.Time // zero while unfinished
}

// A Quarantined is a record that could not be synced, with everything needed
// to try again.
type Quarantined struct {
	Key           string // transaction id, or the hex SHA-256 of a row that has none
	TransactionID string // "" when the row has none
	Class         string // stable word to group by: unreadable, no_id, refused, …
	Reason        string // what is wrong, in words for the admin; HubSpot's own words kept
	CorrelationID string
	Attempts      int
	First, Last   time.Time
	RowDigest     string          // SHA-256 of Row: a changed row is tried again
	Row           json.RawMessage // as received from the source
}

// An AuditEntry records one HubSpot call that wrote.
type AuditEntry struct {
	Seq            uint64 // given by the store
	At             time.Time
	Run            string // run id
	Action         string // create, update, associate, schema, recovered
	Method, Path   string
	Status         int
	CorrelationID  string
	TransactionIDs []string
	Reasons        []string
}

// A Commit is a set of effects that become durable together or not at all.
type Commit struct {
	Gifts       []plan.Stored         // put by Gift.ID; all indexes follow
	Quarantine  []Quarantined         // put by Key; Attempts and First are kept up by the store
	Healed      []string              // quarantine keys to remove
	Missed      []string              // canonical addresses that no contact has, not even as a secondary one
	MissedAt    time.Time             // when Missed was found out
	Audit       []AuditEntry          // appended
	Checkpoints map[string]Checkpoint // by name
	Meta        map[string][]byte     // by name; nil value removes
	Events      []Event               // by Seq: their new State, TransactionID, Reason, Attempts, NextTry and DoneAt
}
