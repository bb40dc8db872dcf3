package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"

	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/doctor"
	"thnks-hubspot-sync/sync/send"
)

// The routes. Their first element is the version of the protocol: it changes
// when a daemon and a command of different releases would misunderstand each
// other. Requests are read strictly, because it is dangerous to do half of
// what was requested; unknown fields of an answer are ignored.
const (
	statusRoute     = "/v1/status"
	runRoute        = "/v1/run"
	stopRoute       = "/v1/stop"
	statsRoute      = "/v1/stats"
	quarantineRoute = "/v1/quarantine"
	showRoute       = quarantineRoute + "/show"
	dropRoute       = quarantineRoute + "/drop"
	checkRoute      = "/v1/check"
	eventsRoute     = "/v1/events"
	replayRoute     = "/v1/replay"
	sendRoute       = "/v1/send"
	sendsRoute      = "/v1/sends"
	changeRoute     = sendsRoute + "/change"
	tryRoute        = "/v1/triggers/try"
	fireRoute       = "/v1/triggers/fire"
)

// chunk is how many elements of a long list go into one line.
const chunk = 500

// The kinds of errors that a client distinguishes.
const (
	failed        = "failed"
	misused       = "usage"
	unknownPortal = "unknown_portal"
	misunderstood = "version"
)

// A fault is an error on the wire.
type fault struct {
	Kind string `json:"kind"`
	Text string `json:"text"`
}

// err returns the fault as the client's error.
func (f fault) err() error {
	switch f.Kind {
	case misunderstood:
		return fmt.Errorf("%w (%s)", ErrVersion, f.Text)
	case unknownPortal:
		return &RemoteError{Text: f.Text, is: giftsync.ErrUnknownPortal}
	default:
		return &RemoteError{Text: f.Text, Usage: f.Kind == misused}
	}
}

// Answers, and the requests that have one field. A refusal replaces any answer.
type (
	refusal struct {
		Error *fault `json:"error"`
	}
	statusAnswer struct {
		Portals []giftsync.Status `json:"portals"`
	}
	stopAnswer struct {
		Stopped bool `json:"stopped"`
	}
	checkAnswer struct {
		Findings []doctor.Finding `json:"findings"`
	}
	showRequest struct {
		Key string `json:"key"`
	}
	dropRequest struct {
		Keys []string `json:"keys"`
	}
	dropAnswer struct {
		Dropped int `json:"dropped"`
	}
	replayRequest struct {
		Seqs []uint64 `json:"seqs"`
	}
	replayAnswer struct {
		Replayed int `json:"replayed"`
	}
	fireRequest struct {
		Seqs []uint64 `json:"seqs"`
	}
	firedAnswer struct {
		Fired []send.Fired `json:"fired"`
	}
	triedAnswer struct {
		Triggers []send.Tried `json:"triggers"`
	}
	sendAnswer struct {
		Sends []send.Row `json:"sends"`
	}
)

// A runLine is one line of a run's answer; one of its fields is set.
type runLine struct {
	Waiting  *giftsync.Status         `json:"waiting,omitempty"`
	Progress *giftsync.Progress       `json:"progress,omitempty"`
	Changes  []giftsync.PlannedChange `json:"changes,omitempty"` // the next ones of the report
	End      *runEnd                  `json:"end,omitempty"`
}

// A runEnd is how the run ended: its report without the changes, and its
// error, if any.
type runEnd struct {
	Report giftsync.Report `json:"report"`
	Error  *fault          `json:"error,omitempty"`
}

// A listLine is one line of a quarantine's answer; one of its fields is set.
type listLine struct {
	Records []giftsync.QuarantineRecord `json:"records,omitempty"`
	Groups  []giftsync.QuarantineGroup  `json:"groups,omitempty"`
	End     *giftsync.QuarantineList    `json:"end,omitempty"` // the list without its records and groups
}

// decodeRequest reads the body of a run: one document, of known fields.
func decodeRequest(r io.Reader) (giftsync.Request, error) { return decode[giftsync.Request](r) }

// decode reads the body of a request: one document, of known fields.
func decode[T any](r io.Reader) (T, error) {
	var v, none T
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return none, err
	}
	switch _, err := d.Token(); {
	case errors.Is(err, io.EOF):
		return v, nil
	case err != nil:
		return none, err
	default:
		return none, errors.New("something follows the request")
	}
}

// decodePortal reads a query, which names the portal and nothing else.
func decodePortal(query string) (string, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return "", errors.New("the query is malformed")
	}
	if portal := values["portal"]; len(values) == 1 && len(portal) == 1 {
		return portal[0], nil
	}
	return "", errors.New("the query is not portal=NAME")
}

func encodePortal(portal string) string { return url.Values{"portal": {portal}}.Encode() }
