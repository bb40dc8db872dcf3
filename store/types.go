package store

import (
	"encoding/json"
	"time"

	"thnks-hubspot-sync/sync/plan"
)

// A Checkpoint says how far a named kind of run has progressed. It only describes
// work that is committed.
type Checkpoint struct {
	// Watermarks hold, per source key, the time of the newest transaction that
	// has been committed.
	Watermarks map[string]time.Time
	// Since, Source and Cursor are the position of an unfinished listing: the
	// source key, the since-filter (zero for all), the next page.
	Since    time.Time
	Source   string
	Cursor   string
	Done     []string // source keys whose listing is finished
	Started  time.Time
	Finished time.Time // zero while unfinished
}

// A Quarantined is a record that could not be synced, with everything that is
// needed to try it again.
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
	Source        string          // where the row stood: a file's base name and line, or a page of the API; "" if unknown
	GiftName      string          // as far as it could be read
	Date          time.Time       // of the gift, as far as it could be read
}

// An AuditEntry records one HubSpot call that wrote, or something else that was done
// for good. It has no personal values.
type AuditEntry struct {
	Seq            uint64 // given by the store
	At             time.Time
	Run            string // run id
	Action         string // create, update, associate, schema, recovered; connect, connect refused, revoke, …
	Method, Path   string
	Status         int
	CorrelationID  string
	TransactionIDs []string
	Reasons        []string
	Hash           string // given by the store: that of the chain up to this entry, 64 hex digits; "" for one from before the chain
}

// A Commit is a set of effects that become durable together or not at all.
type Commit struct {
	Removed     []string              // transaction ids whose gifts leave the journal; they need not exist
	Gifts       []plan.Stored         // put by Gift.ID; all indexes follow
	Quarantine  []Quarantined         // put by Key; Attempts and First are kept up by the store, and what the new one does not know of Source, GiftName and Date
	Healed      []string              // quarantine keys to remove, because the records were synced
	Missed      []string              // canonical addresses that no contact has, not even as a secondary address
	MissedAt    time.Time             // when they were searched
	Audit       []AuditEntry          // appended
	Checkpoints map[string]Checkpoint // by name
	Meta        map[string][]byte     // by name; nil value removes
	Events      []Event               // by Seq: their new State, TransactionID, Reason, Attempts, NextTry and DoneAt
	Bared       []uint64              // numbers of events that lose their bodies and all texts; they need not exist
	Unmissed    []string              // canonical addresses whose searches are forgotten
	LostSends   []Send                // of an earlier state file, as HubSpot shows them: put into the ledger where it has not begun them
	Joined      []SendJoin            // sends that get their transactions; [ErrSendMoved] where one cannot
	Shown       []Send                // what HubSpot shows now; nothing is noted of one that has changed meanwhile
	Sending     Sending               // where it says why, sending is turned off, unless it is off already
	// Runs are put into the list of runs, which forgets old ones. Audit entries are cut off
	// that were older than [AuditKept] when the last run began that is a day or more older.
	Runs []RunRecord
}
