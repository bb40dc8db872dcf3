package store

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"thnks-hubspot-sync/sync/plan"
)

// The JSON records of everything except gifts and events, separate from the
// exported types. Fields may be added and never change their meaning.

// A stamp is a time as it is in the file: Unix seconds, followed by digits of a
// second if there are any. The digits always count forward, before 1970, too.
// Zones are not kept: the time is read as UTC.
type stamp struct{ time.Time }

func (s stamp) MarshalJSON() ([]byte, error) {
	b := strconv.AppendInt(nil, s.Unix(), 10)
	if ns := s.Nanosecond(); ns != 0 {
		b = append(b, strings.TrimRight(fmt.Sprintf(".%09d", ns), "0")...)
	}
	return b, nil
}

func (s *stamp) UnmarshalJSON(b []byte) error {
	whole, digits, _ := strings.Cut(string(b), ".")
	sec, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return err
	}
	var ns int64
	if digits != "" {
		if len(digits) > 9 {
			return fmt.Errorf("%d digits of a second", len(digits))
		}
		if ns, err = strconv.ParseInt(digits+"000000000"[len(digits):], 10, 64); err != nil {
			return err
		}
	}
	s.Time = time.Unix(sec, ns).UTC()
	return nil
}

// counts are updated with every commit, so that reading them reads no gift, and
// Check notices a page that has lost entries.
type counts struct {
	Gifts       int                 `json:"g,omitempty"`
	Quarantined int                 `json:"q,omitempty"`
	Audit       int                 `json:"a,omitempty"`
	Ambiguous   int                 `json:"m,omitempty"`
	Orphans     map[plan.Orphan]int `json:"o,omitempty"`
	Events      map[EventState]int  `json:"e,omitempty"`
	Seen        int                 `json:"s,omitempty"` // keys of events
	Queued      int64               `json:"b,omitempty"` // bytes of the bodies of pending and waiting events
	Idle        queueSize           `json:"i,omitzero"`  // bodies of events of which nothing is to be processed
	Dropped     int                 `json:"d,omitempty"` // events that have lost their body
	Sends       int                 `json:"l,omitempty"`
	Before      int                 `json:"f,omitempty"` // gifts noted as they were before they changed
}

func (c counts) equal(d counts) bool {
	return c.Gifts == d.Gifts && c.Quarantined == d.Quarantined && c.Audit == d.Audit && c.Ambiguous == d.Ambiguous && maps.Equal(c.Orphans, d.Orphans) &&
		c.Seen == d.Seen && c.Queued == d.Queued && c.Idle == d.Idle && c.Dropped == d.Dropped && maps.Equal(c.Events, d.Events) &&
		c.Sends == d.Sends && c.Before == d.Before
}

// count adds to one of several counts. A count of 0 has no entry.
func count[K comparable](counts map[K]int, key K, by int) {
	if counts[key] += by; counts[key] == 0 {
		delete(counts, key)
	}
}

type checkpointRecord struct {
	Watermarks map[string]stamp `json:"w,omitempty"`
	Since      stamp            `json:"si,omitzero"`
	Source     string           `json:"so,omitempty"`
	Cursor     string           `json:"c,omitempty"`
	Done       []string         `json:"d,omitempty"`
	Started    stamp            `json:"st,omitzero"`
	Finished   stamp            `json:"f,omitzero"`
}

func encodeCheckpoint(c Checkpoint) ([]byte, error) {
	r := checkpointRecord{
		Since:    stamp{c.Since},
		Source:   c.Source,
		Cursor:   c.Cursor,
		Done:     c.Done,
		Started:  stamp{c.Started},
		Finished: stamp{c.Finished},
	}
	if len(c.Watermarks) > 0 {
		r.Watermarks = make(map[string]stamp, len(c.Watermarks))
		for source, t := range c.Watermarks {
			r.Watermarks[source] = stamp{t}
		}
	}
	return json.Marshal(r)
}

func decodeCheckpoint(b []byte) (Checkpoint, error) {
	var r checkpointRecord
	if err := json.Unmarshal(b, &r); err != nil {
		return Checkpoint{}, damaged("a checkpoint cannot be read")
	}
	c := Checkpoint{
		Since:    r.Since.Time,
		Source:   r.Source,
		Cursor:   r.Cursor,
		Done:     r.Done,
		Started:  r.Started.Time,
		Finished: r.Finished.Time,
	}
	if len(r.Watermarks) > 0 {
		c.Watermarks = make(map[string]time.Time, len(r.Watermarks))
		for source, s := range r.Watermarks {
			c.Watermarks[source] = s.Time
		}
	}
	return c, nil
}

// A quarantineRecord keeps its row as bytes: an unreadable row may not be JSON,
// and a readable one must keep its digest.
type quarantineRecord struct {
	TransactionID string `json:"i,omitempty"`
	Class         string `json:"c,omitempty"`
	Reason        string `json:"r,omitempty"`
	CorrelationID string `json:"co,omitempty"`
	Attempts      int    `json:"a,omitempty"`
	First         stamp  `json:"f,omitzero"`
	Last          stamp  `json:"l,omitzero"`
	RowDigest     string `json:"d,omitempty"`
	Row           []byte `json:"w,omitempty"`
	Source        string `json:"s,omitempty"`
	GiftName      string `json:"n,omitempty"`
	Date          stamp  `json:"t,omitzero"`
}

func encodeQuarantined(q Quarantined) ([]byte, error) {
	return json.Marshal(quarantineRecord{
		TransactionID: q.TransactionID,
		Class:         q.Class,
		Reason:        q.Reason,
		CorrelationID: q.CorrelationID,
		Attempts:      q.Attempts,
		First:         stamp{q.First},
		Last:          stamp{q.Last},
		RowDigest:     q.RowDigest,
		Row:           q.Row,
		Source:        q.Source,
		GiftName:      q.GiftName,
		Date:          stamp{q.Date},
	})
}

func decodeQuarantined(key string, b []byte) (Quarantined, error) {
	var r quarantineRecord
	if err := json.Unmarshal(b, &r); err != nil {
		return Quarantined{}, damaged("a quarantined record cannot be read")
	}
	return Quarantined{
		Key:           key,
		TransactionID: r.TransactionID,
		Class:         r.Class,
		Reason:        r.Reason,
		CorrelationID: r.CorrelationID,
		Attempts:      r.Attempts,
		First:         r.First.Time,
		Last:          r.Last.Time,
		RowDigest:     r.RowDigest,
		Row:           r.Row,
		Source:        r.Source,
		GiftName:      r.GiftName,
		Date:          r.Date.Time,
	}, nil
}

// encodeMoment encodes a single time: its nanoseconds since 1970.
func encodeMoment(t time.Time) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(t.UnixNano()))
}

func decodeMoment(b []byte) (time.Time, error) {
	if len(b) != 8 {
		return time.Time{}, damaged("a time cannot be read")
	}
	return time.Unix(0, int64(binary.BigEndian.Uint64(b))).UTC(), nil
}

type auditRecord struct {
	At             stamp    `json:"t,omitzero"`
	Run            string   `json:"r,omitempty"`
	Action         string   `json:"a,omitempty"`
	Method         string   `json:"m,omitempty"`
	Path           string   `json:"p,omitempty"`
	Status         int      `json:"s,omitempty"`
	CorrelationID  string   `json:"c,omitempty"`
	TransactionIDs []string `json:"i,omitempty"`
	Reasons        []string `json:"w,omitempty"`
}

func encodeAudit(e AuditEntry) ([]byte, error) {
	return json.Marshal(auditRecord{
		At:             stamp{e.At},
		Run:            e.Run,
		Action:         e.Action,
		Method:         e.Method,
		Path:           e.Path,
		Status:         e.Status,
		CorrelationID:  e.CorrelationID,
		TransactionIDs: e.TransactionIDs,
		Reasons:        e.Reasons,
	})
}

func decodeAudit(key, b []byte) (AuditEntry, error) {
	var r auditRecord
	if len(key) != 8 || json.Unmarshal(b, &r) != nil {
		return AuditEntry{}, damaged("an audit entry cannot be read")
	}
	hash := ""
	if _, h, chained := splitHash(b); chained {
		hash = h.String()
	}
	return AuditEntry{
		Hash:           hash,
		Seq:            binary.BigEndian.Uint64(key),
		At:             r.At.Time,
		Run:            r.Run,
		Action:         r.Action,
		Method:         r.Method,
		Path:           r.Path,
		Status:         r.Status,
		CorrelationID:  r.CorrelationID,
		TransactionIDs: r.TransactionIDs,
		Reasons:        r.Reasons,
	}, nil
}
