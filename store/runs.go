package store

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"iter"
	"time"
)

// RunsKept is how long the list of runs goes back.
const RunsKept = 90 * 24 * time.Hour

// A RunRecord is what one run did, as the list of runs keeps it.
type RunRecord struct {
	ID           string         `json:"id"` // by which the audit and the log name it
	Mode         string         `json:"mode"`
	Started      time.Time      `json:"started_at"`
	Finished     time.Time      `json:"finished_at,omitzero"` // zero for a run that was killed
	Fetched      int            `json:"fetched"`
	Created      int            `json:"created"`
	Updated      int            `json:"updated"`
	Unchanged    int            `json:"unchanged"`
	Quarantined  int            `json:"quarantined"`
	Skipped      map[string]int `json:"skipped"`
	Linked       int            `json:"associations_created"`
	HubSpotCalls map[string]int `json:"hubspot_calls"`
	ThnksCalls   int            `json:"thnks_calls"`
	Error        string         `json:"error,omitempty"` // why it ended early
}

// runKey sorts runs by their beginning.
func runKey(r *RunRecord) []byte {
	key := binary.BigEndian.AppendUint64(nil, uint64(max(0, r.Started.UnixNano())))
	return append(key, r.ID...)
}

// aheadBy is by how much a run may begin after another one has ended that is listed later.
const aheadBy = time.Hour

// putRun adds a run to the list, in place of itself, and removes those that ended
// too long before it began. Once it has ended it also removes those that began later still:
// a clock was ahead then, and the audit must not be cut by it.
func (w *writer) putRun(r RunRecord) error {
	value, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := put(w.runs, runKey(&r), value); err != nil {
		return err
	}
	if !r.Finished.IsZero() {
		c := w.runs.Cursor()
		latest := runKey(&RunRecord{Started: r.Finished.Add(aheadBy)})
		for k, _ := c.Last(); k != nil && string(k) > string(latest); k, _ = c.Last() {
			if err := w.runs.Delete(append([]byte(nil), k...)); err != nil {
				return err
			}
		}
	}
	oldest := runKey(&RunRecord{Started: r.Started.Add(-RunsKept)})
	c := w.runs.Cursor()
	for k, _ := c.First(); k != nil && string(k) < string(oldest); k, _ = c.First() {
		if err := w.runs.Delete(append([]byte(nil), k...)); err != nil {
			return err
		}
	}
	return nil
}

// steadyFor is how long runs go on under a clock before the audit is cut by it.
const steadyFor = 24 * time.Hour

// steadyClock returns when the last run began of those that began a day or more before
// now, zero if there is none. After a clock has jumped ahead, that run is still one under
// the right clock: the audit, which nothing can make again, is cut by it.
func (w *writer) steadyClock(now time.Time) time.Time {
	c := w.runs.Cursor()
	k, _ := c.Seek(runKey(&RunRecord{Started: now.Add(-steadyFor)}))
	if k == nil {
		k, _ = c.Last()
	} else {
		k, _ = c.Prev()
	}
	if len(k) < 8 {
		return time.Time{}
	}
	return time.Unix(0, int64(binary.BigEndian.Uint64(k))).UTC()
}

func decodeRun(_, value []byte) (r RunRecord, err error) {
	if json.Unmarshal(value, &r) != nil {
		return r, damaged("a run of the list cannot be read")
	}
	return r, nil
}

// Runs yields the runs of the last 90 days, oldest first.
func (s *Store) Runs(ctx context.Context) iter.Seq2[RunRecord, error] {
	return scan(ctx, s, bucketRuns, "", decodeRun)
}
