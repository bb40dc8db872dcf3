package sync

import (
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/sync/plan"
)

// A Mode is a kind of run. Its text is the report's mode.
type Mode string

// The modes.
const (
	Incremental Mode = "incremental" // what changed since the watermark
	Backfill    Mode = "backfill"    // everything; resumes an unfinished one
	Resweep     Mode = "resweep"     // an incremental run that reads again what nothing said has changed
	Rebuild     Mode = "rebuild"     // the journal, from what HubSpot holds; part of a first backfill
	Retry       Mode = "retry"       // the quarantine
	Restore     Mode = "restore"     // records that people deleted in HubSpot

	Reassociate    Mode = "reassociate"     // orphans, against today's contacts
	ReassociateAll Mode = "reassociate_all" // every gift's links, against what HubSpot holds today

	Adopt Mode = "adopt" // a custom object that this program did not make; Keys holds its type id
)

// A Request asks an engine for a run.
type Request struct {
	Mode   Mode
	DryRun bool // plan and report; write nothing anywhere
	// AllChanges lists every planned change of a dry run in the report
	// instead of the first 20 of each kind.
	AllChanges bool
	// Keys limits a Retry to these quarantine keys, and a Restore to these
	// transaction ids; empty means all.
	Keys []string
	// From is the path of an export file to sync from instead of the API.
	From string
	// AcceptNewSource lets a portal that was fed from the API be fed from an
	// export file, or the other way round: only a person can know that both
	// give a transaction the same id.
	AcceptNewSource bool
}

// A Report says what a run did. Fetched always equals Created + Updated +
// Unchanged + Quarantined + the sum of Skipped.
type Report struct {
	Portal              string                `json:"portal"`
	Mode                Mode                  `json:"mode"`
	DryRun              bool                  `json:"dry_run"`
	Fetched             int                   `json:"fetched"` // distinct transactions considered
	Created             int                   `json:"created"`
	Updated             int                   `json:"updated"`
	Unchanged           int                   `json:"unchanged"`
	Quarantined         int                   `json:"quarantined"`
	Skipped             map[string]int        `json:"skipped"`
	AssociationsCreated int                   `json:"associations_created"`
	Orphans             map[plan.Orphan]int   `json:"orphans"`   // in the portal after the run
	Ambiguous           int                   `json:"ambiguous"` // gifts in the portal whose contact was chosen among several
	HubSpotCalls        map[hubspot.Class]int `json:"hubspot_calls"`
	ThnksCalls          int                   `json:"thnks_calls"`
	StartedAt           time.Time             `json:"started_at"`
	FinishedAt          time.Time             `json:"finished_at"`
	Error               string                `json:"error,omitempty"`

	// SchemaChanges and Changes are filled by a dry run only, the former by an
	// Adopt too.
	SchemaChanges []string        `json:"schema_changes,omitempty"`
	Changes       []PlannedChange `json:"changes,omitempty"`
}

// A PlannedChange is one line of a dry run.
type PlannedChange struct {
	Action        plan.Action `json:"action"`
	TransactionID string      `json:"transaction_id"`
	ObjectID      string      `json:"object_id,omitempty"`
	Contact       string      `json:"contact,omitempty"`
	Company       string      `json:"company,omitempty"`
	Deals         []string    `json:"deals,omitempty"`
	Orphan        plan.Orphan `json:"orphan,omitempty"`
	Ambiguous     bool        `json:"ambiguous,omitempty"` // several contacts matched
	Reasons       []string    `json:"reasons,omitempty"`
}

// Progress is what a run tells an onlooker after each window.
type Progress struct {
	Portal      string
	Mode        Mode
	Done        int // rows worked off so far, or records where the mode is Rebuild
	Created     int
	Updated     int
	Unchanged   int
	Quarantined int
	Through     time.Time // up to which change time windows are done; the listing is in that order
	Elapsed     time.Duration
}
