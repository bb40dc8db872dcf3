package admin

import (
	"context"
	"encoding/json"
	"net/http"

	giftsync "thnks-hubspot-sync/sync"
)

// A Trail answers for what a portal's state file keeps: what was done, and what is
// held of people. The daemon implements it beside [Service], and so does [Client].
type Trail interface {
	// Runs lists what the runs of the last 90 days did: the newest limit, or all
	// for 0.
	Runs(ctx context.Context, portal string, limit int) (giftsync.RunList, error)
	// Audit calls each with the audit entries that the query asks for, oldest first,
	// in groups.
	Audit(ctx context.Context, portal string, q giftsync.AuditQuery, each func([]giftsync.AuditRecord) error) error
	// VerifyAudit goes through the audit's chain; head is the hash of one that was
	// known before, or "".
	VerifyAudit(ctx context.Context, portal, head string) (giftsync.AuditFinding, error)
	// Held returns what is held of the person with an e-mail address.
	Held(ctx context.Context, portal, email string) (giftsync.Holding, error)
	// Erase erases a person. It ends with ctx; what is left then the next run does.
	Erase(ctx context.Context, portal string, who giftsync.Person) (giftsync.Erasure, error)
}

var _ Trail = (*Client)(nil)

// The routes of a trail.
const (
	runsRoute   = "/v1/runs"
	auditRoute  = "/v1/audit"
	verifyRoute = auditRoute + "/verify"
	heldRoute   = "/v1/held"
	eraseRoute  = "/v1/erase"
)

// Requests of one field.
type (
	runsRequest struct {
		Limit int `json:"limit"`
	}
	verifyRequest struct {
		Head string `json:"head"`
	}
	heldRequest struct {
		Email string `json:"email"`
	}
)

// An auditLine is one line of an audit's answer; one of its fields is set.
type auditLine struct {
	Entries []giftsync.AuditRecord `json:"entries,omitempty"`
	End     *auditEnd              `json:"end,omitempty"`
}

// An auditEnd ends the entries, with the error that cut them off, if any.
type auditEnd struct {
	Error *fault `json:"error,omitempty"`
}

// handleTrail routes the requests of a trail.
func (s *server) handleTrail(mux *http.ServeMux, t Trail) {
	mux.HandleFunc("POST "+runsRoute, func(w http.ResponseWriter, r *http.Request) {
		list, err := callWith(s, r, func(ctx context.Context, portal string, q runsRequest) (giftsync.RunList, error) {
			return t.Runs(ctx, portal, q.Limit)
		})
		s.answer(w, list, err)
	})
	mux.HandleFunc("POST "+verifyRoute, func(w http.ResponseWriter, r *http.Request) {
		finding, err := callWith(s, r, func(ctx context.Context, portal string, q verifyRequest) (giftsync.AuditFinding, error) {
			return t.VerifyAudit(ctx, portal, q.Head)
		})
		s.answer(w, finding, err)
	})
	mux.HandleFunc("POST "+heldRoute, func(w http.ResponseWriter, r *http.Request) {
		h, err := callWith(s, r, func(ctx context.Context, portal string, q heldRequest) (giftsync.Holding, error) {
			return t.Held(ctx, portal, q.Email)
		})
		s.answer(w, h, err)
	})
	mux.HandleFunc("POST "+eraseRoute, func(w http.ResponseWriter, r *http.Request) {
		rep, err := callWith(s, r, t.Erase)
		s.answer(w, rep, err)
	})
	mux.HandleFunc("POST "+auditRoute, func(w http.ResponseWriter, r *http.Request) { s.audit(w, r, t) })
}

// audit answers with the lines of a portal's audit. An error before the first of
// them is the whole answer.
func (s *server) audit(w http.ResponseWriter, r *http.Request, t Trail) {
	var out *stream
	_, err := callWith(s, r, func(ctx context.Context, portal string, q giftsync.AuditQuery) (struct{}, error) {
		return struct{}{}, t.Audit(ctx, portal, q, func(some []giftsync.AuditRecord) error {
			if out == nil {
				out = newStream(w)
			}
			out.write(auditLine{Entries: some})
			return out.err
		})
	})
	if out == nil {
		if err != nil {
			s.refuse(w, err)
			return
		}
		out = newStream(w)
	}
	end := new(auditEnd)
	if err != nil {
		_, f := s.fault(err)
		end.Error = &f
	}
	out.write(auditLine{End: end})
}

// Runs implements [Trail].
func (c *Client) Runs(ctx context.Context, portal string, limit int) (giftsync.RunList, error) {
	return fetch[giftsync.RunList](ctx, c, http.MethodPost, runsRoute+"?"+encodePortal(portal), runsRequest{limit})
}

// VerifyAudit implements [Trail].
func (c *Client) VerifyAudit(ctx context.Context, portal, head string) (giftsync.AuditFinding, error) {
	return fetch[giftsync.AuditFinding](ctx, c, http.MethodPost, verifyRoute+"?"+encodePortal(portal), verifyRequest{head})
}

// Held implements [Trail].
func (c *Client) Held(ctx context.Context, portal, email string) (giftsync.Holding, error) {
	return fetch[giftsync.Holding](ctx, c, http.MethodPost, heldRoute+"?"+encodePortal(portal), heldRequest{email})
}

// Erase implements [Trail].
func (c *Client) Erase(ctx context.Context, portal string, who giftsync.Person) (giftsync.Erasure, error) {
	return fetch[giftsync.Erasure](ctx, c, http.MethodPost, eraseRoute+"?"+encodePortal(portal), who)
}

// Audit implements [Trail].
func (c *Client) Audit(ctx context.Context, portal string, q giftsync.AuditQuery, each func([]giftsync.AuditRecord) error) error {
	sent, err := body(q)
	if err != nil {
		return err
	}
	answer, err := c.do(ctx, http.MethodPost, auditRoute+"?"+encodePortal(portal), sent)
	if err != nil {
		return err
	}
	defer answer.Close()
	for lines := json.NewDecoder(answer); ; {
		var line auditLine
		if err := lines.Decode(&line); err != nil {
			return broken(ctx, err)
		}
		if len(line.Entries) > 0 {
			if err := each(line.Entries); err != nil {
				return err
			}
		}
		switch {
		case line.End == nil:
		case line.End.Error != nil:
			return line.End.Error.err()
		default:
			return nil
		}
	}
}
