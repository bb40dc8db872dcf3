package sync

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strings"
	"time"

	"thnks-hubspot-sync/store"
)

// A QuarantineList is one portal's quarantine as it is shown. The records
// themselves, which hold personal data, are not in it.
type QuarantineList struct {
	Portal  string             `json:"portal"`
	Records []QuarantineRecord `json:"records"`
	Groups  []QuarantineGroup  `json:"groups"`
}

// A QuarantineRecord is a record that could not be synced.
type QuarantineRecord struct {
	Key           string    `json:"key"`   // names it to a Retry
	Short         string    `json:"short"` // as short as it is the only one: 8 hex digits or a few more
	TransactionID string    `json:"transaction_id,omitempty"`
	Class         string    `json:"class"`  // stable word to group by: unreadable, no_id, refused, …
	Reason        string    `json:"reason"` // HubSpot's own words kept
	Source        string    `json:"source,omitempty"`
	GiftName      string    `json:"gift_name,omitempty"` // "" where the row does not tell
	Date          time.Time `json:"date,omitzero"`       // of the gift, where the row tells
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

// A QuarantinedRow is a record of the quarantine with its row, which holds
// personal data.
type QuarantinedRow struct {
	Record QuarantineRecord `json:"record"`
	Row    []byte           `json:"row"` // as received; empty where none was kept
}

// groupKeys is how many keys a group of the quarantine shows.
const groupKeys = 5

// RowFacts are what a row of the quarantine says of its gift.
type RowFacts struct {
	Source   string
	GiftName string
	Date     time.Time
}

// quarantineReader reads a quarantine. [*store.Store] is one.
type quarantineReader interface {
	Quarantine(context.Context) iter.Seq2[store.Quarantined, error]
}

// ListQuarantine lists a portal's quarantine, and groups it by class and reason.
// Reasons are one where they differ in no more than ids, numbers, addresses
// and quoted values. facts reads a row; nil reads none.
func ListQuarantine(ctx context.Context, portal string, j quarantineReader, facts func(json.RawMessage) RowFacts) (QuarantineList, error) {
	l := QuarantineList{Portal: portal, Records: []QuarantineRecord{}, Groups: []QuarantineGroup{}}
	type kind struct{ class, reason string }
	at := make(map[kind]int)
	for q, err := range j.Quarantine(ctx) {
		if err != nil {
			return QuarantineList{}, err
		}
		l.Records = append(l.Records, recordOf(q, facts))
		k := kind{q.Class, gist(q.Reason)}
		i, ok := at[k]
		if !ok {
			i = len(l.Groups)
			at[k] = i
			l.Groups = append(l.Groups, QuarantineGroup{Class: q.Class, Reason: q.Reason})
		}
		g := &l.Groups[i]
		if g.Count++; len(g.Keys) < groupKeys {
			g.Keys = append(g.Keys, q.Key)
		}
	}
	slices.SortStableFunc(l.Groups, func(a, b QuarantineGroup) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Class, b.Class), cmp.Compare(a.Reason, b.Reason))
	})
	shorten(l.Records)
	return l, nil
}

// recordOf is a record of the quarantine as it is shown.
func recordOf(q store.Quarantined, facts func(json.RawMessage) RowFacts) QuarantineRecord {
	r := QuarantineRecord{
		Key: q.Key, Short: longKey(q.Key)[:shortKey], TransactionID: q.TransactionID, Class: q.Class, Reason: q.Reason,
		CorrelationID: q.CorrelationID, Attempts: q.Attempts, First: q.First, Last: q.Last,
	}
	var f RowFacts
	if facts != nil && len(q.Row) > 0 {
		f = facts(q.Row)
	}
	r.Source, r.GiftName, r.Date = cmp.Or(q.Source, f.Source), cmp.Or(q.GiftName, f.GiftName), q.Date
	if r.Date.IsZero() {
		r.Date = f.Date
	}
	return r
}

// particular matches what differs from row to row in a reason: quoted values,
// and words with a digit or an at sign in them.
var particular = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'[^']*'|“[^”]*”|[^\s"'(){}\[\],:;=]*[0-9@][^\s"'(){}\[\],:;=]*`)

// gist is what reasons of one kind have in common.
func gist(reason string) string { return particular.ReplaceAllString(reason, "…") }

// shortKey is how many hex digits a short key has where they tell a record from
// all others.
const shortKey = 8

// fullKey matches a key that is a digest, in its own form.
var fullKey = regexp.MustCompile(`^[0-9a-f]{64}$`)

// longKey is what short keys are the beginning of: a row's digest, or that of a
// transaction id.
func longKey(key string) string {
	if fullKey.MatchString(key) {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// shorten gives records whose short keys are one as many digits more as tell them
// apart.
func shorten(records []QuarantineRecord) {
	for n := shortKey; ; n += 4 {
		times := make(map[string]int)
		for _, r := range records {
			times[r.Short]++
		}
		if len(times) == len(records) || n >= sha256.Size*2 {
			return
		}
		for i, r := range records {
			if times[r.Short] > 1 {
				records[i].Short = longKey(r.Key)[:n+4]
			}
		}
	}
}

// Named returns the keys of the records that a key names: in full, or by at
// least 8 of its first hex digits. Where they are several, the key is ambiguous.
func (l QuarantineList) Named(key string) []string {
	var keys []string
	for _, r := range l.Records {
		if r.Key == key {
			return []string{key}
		}
		if len(key) >= shortKey && strings.HasPrefix(longKey(r.Key), strings.ToLower(key)) {
			keys = append(keys, r.Key)
		}
	}
	return keys
}

// quarantineEditor changes a quarantine. [*store.Store] is one.
type quarantineEditor interface {
	QuarantinedByKey(key string) (store.Quarantined, bool, error)
	Commit(store.Commit) error
}

// ShowQuarantined returns one record of the quarantine, by its full key, with its
// row. A key that is not there is a [*RequestError].
func ShowQuarantined(j quarantineEditor, key string, facts func(json.RawMessage) RowFacts) (QuarantinedRow, error) {
	q, ok, err := j.QuarantinedByKey(key)
	if err != nil {
		return QuarantinedRow{}, err
	}
	if !ok {
		return QuarantinedRow{}, notQuarantined(key)
	}
	return QuarantinedRow{Record: recordOf(q, facts), Row: q.Row}, nil
}

// actionDropped is the audit's word for records that an admin took out of the
// quarantine.
const actionDropped = "quarantine_drop"

// DropQuarantined takes records out of the quarantine, by their full keys, and
// records that in the audit. Where one of them is not there it is a
// [*RequestError], and none is taken out. A row that its source still shows
// comes back when it is next read and still cannot be synced.
func DropQuarantined(j quarantineEditor, keys []string) (int, error) {
	keys = slices.Compact(slices.Sorted(slices.Values(keys)))
	for _, key := range keys {
		if _, ok, err := j.QuarantinedByKey(key); err != nil {
			return 0, err
		} else if !ok {
			return 0, notQuarantined(key)
		}
	}
	for some := range slices.Chunk(keys, commitGifts) {
		err := j.Commit(store.Commit{
			Healed: some,
			Audit:  []store.AuditEntry{{At: time.Now().UTC(), Action: actionDropped, TransactionIDs: some, Reasons: []string{"asked for by an admin"}}},
		})
		if err != nil {
			return 0, fmt.Errorf("taking records out of the quarantine: %w", err)
		}
	}
	return len(keys), nil
}

func notQuarantined(key string) error {
	return &RequestError{fmt.Sprintf("nothing in quarantine has the key %q any more; `quarantine list` shows the keys", key)}
}
