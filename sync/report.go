package sync

import (
	"errors"
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
	Resweep     Mode = "resweep"     // an incremental run that reads again rows that no change was seen of
	Rebuild     Mode = "rebuild"     // the journal, from what HubSpot holds; part of a first backfill
	Retry       Mode = "retry"       // the quarantine
	Restore     Mode = "restore"     // records that users deleted in HubSpot

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
	// export file, or the other way round: only an admin can know that both
	// give a transaction the same id.
	AcceptNewSource bool
	// AcceptSmallerSource believes a listing that shows less than half of what
	// is known.
	AcceptSmallerSource bool
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
	Older               int                   `json:"older,omitempty"`            // rows of an export file that say less than is known
	RepeatedHeaders     int                   `json:"repeated_headers,omitempty"` // in an export file, skipped
	Warnings            []string              `json:"warnings,omitempty"`         // what an admin should look at, in words
	Error               string                `json:"error,omitempty"`

	// Choices say how secondary addresses and open deals were found, and why so: by
	// the fewest calls. Where there was nothing to choose there are none.
	Choices []plan.Choice `json:"choices,omitempty"`

	// SchemaChanges, Changes and WithoutContact are filled by a dry run only, the
	// first by an Adopt too. WithoutContact is how many of the gifts considered
	// would have no contact then, by reason.
	SchemaChanges []string        `json:"schema_changes,omitempty"`
	Changes       []PlannedChange `json:"changes,omitempty"`

	WithoutContact map[plan.Orphan]int `json:"without_contact,omitempty"`
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

// A Phase is a part of a run.
type Phase string

// The phases. A listing's addresses are searched beside it; the search is a phase
// of its own where nothing else is left to do but wait for it.
const (
	PhaseListing Phase = "listing and writing"           // transactions of a source, or rows of the quarantine
	PhaseSearch  Phase = "searching secondary addresses" // of recipients whom no primary address shows
	PhaseOrphans Phase = "looking up orphans"            // among today's contacts
	PhaseReview  Phase = "comparing links"               // of every gift, with what HubSpot holds
	PhaseRebuild Phase = "rebuilding the state file"     // from HubSpot's records
)

// Progress is what a run reports after each slice of a window, and of a search.
type Progress struct {
	Portal      string
	Mode        Mode
	Done        int // rows processed so far, or records where the mode is Rebuild
	Created     int
	Updated     int
	Unchanged   int
	Quarantined int
	Through     time.Time // up to which change time windows are done; the listing is in that order
	Elapsed     time.Duration

	Phase      Phase
	PhaseDone  int  // of PhaseTotal, in this phase
	PhaseTotal int  // gifts; 0 where their number is unknown
	Ahead      int  // orphans that a later phase of the run looks up
	Searched   int  // of ToSearch, in the whole run so far
	ToSearch   int  // addresses
	Before     bool // of the run that has to end before the one that is watched
}

// A Status is how one portal of the daemon stands.
type Status struct {
	Portal string `json:"portal"`
	// Ready is false where an admin is needed; Problem then says what is wrong
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

// A Watcher follows a run that was asked for. Its functions are called one at a
// time and never after the run was reported. Either may be nil. They hold no run
// up, however slow: progress may be left out, the latest is not.
type Watcher struct {
	Waiting  func(Status)   // once, if another run has to end first
	Progress func(Progress) // after every slice of a window; while another run has to end first, that one's
}

// A RequestError says why a run could not do what it was asked for, where that
// says nothing of the portal.
type RequestError struct{ Text string }

func (e *RequestError) Error() string { return e.Text }

// ErrStopping is the error of a run that did not begin, or did not end, because
// the daemon stops.
var ErrStopping = errors.New("the daemon is stopping")

// ErrUnknownPortal says that the daemon does not have the portal.
var ErrUnknownPortal = errors.New("the daemon has no portal")

// NotRun is the report of a run that did not begin.
func NotRun(portal string, req Request, began time.Time, err error) Report {
	return Report{
		Portal: portal, Mode: req.Mode, DryRun: req.DryRun,
		Skipped:      make(map[string]int),
		Orphans:      make(map[plan.Orphan]int),
		HubSpotCalls: make(map[hubspot.Class]int),
		StartedAt:    began, FinishedAt: time.Now().UTC(),
		Error: err.Error(),
	}
}

// listedChanges is how many planned changes of each action a dry run lists
// unless it is asked for all.
const listedChanges = 20

// A changeLog is given every change that a run makes, and fills in what the
// report says of them.
type changeLog interface {
	add(plan.Change)
	report(*Report)
}

// noChangeLog is that of a run that makes its changes.
type noChangeLog struct{}

func (noChangeLog) add(plan.Change) {}
func (noChangeLog) report(*Report)  {}

// A preview is the change log of a dry run.
type preview struct {
	all     bool                 // list every change, not only the first of each kind
	counted func(id string) bool // whether the gift was considered before
	listed  map[plan.Action]int
	changes []PlannedChange
	orphans map[plan.Orphan]int
}

func (p *preview) report(rep *Report) {
	rep.Changes, rep.WithoutContact = p.changes, p.orphans
}

func (p *preview) add(c plan.Change) {
	if c.Orphan != "" && c.Action != plan.Skip && !p.counted(c.Gift.ID) {
		p.orphans[c.Orphan]++
	}
	if c.Action == plan.Keep {
		return
	}
	if p.listed[c.Action]++; p.all || p.listed[c.Action] <= listedChanges {
		p.changes = append(p.changes, plannedChange(c))
	}
}

func plannedChange(c plan.Change) PlannedChange {
	p := PlannedChange{
		Action:        c.Action,
		TransactionID: c.Gift.ID,
		ObjectID:      c.ObjectID,
		Orphan:        c.Orphan,
		Ambiguous:     c.Ambiguous && len(c.Links) > 0,
		Reasons:       c.Reasons,
	}
	if c.Action == plan.Skip {
		p.Reasons = []string{c.Skipped}
	}
	for _, l := range c.Links {
		switch l.Kind {
		case plan.Contact:
			p.Contact = l.ID
		case plan.Company:
			p.Company = l.ID
		case plan.Deal:
			p.Deals = append(p.Deals, l.ID)
		}
	}
	return p
}
