package admin

import (
	"context"
	"fmt"
	"io"
	"net/http"

	giftsync "thnks-hubspot-sync/sync"
)

// Files takes care of portals' state files. The daemon implements it beside
// [Service], and so does [Client].
type Files interface {
	// Backup writes a portal's state file to w as it is at one moment. After an error
	// what was written is of no use.
	Backup(ctx context.Context, portal string, w io.Writer) error
	// Compact writes a portal's state file anew with nothing but what it holds.
	Compact(ctx context.Context, portal string) (giftsync.Compaction, error)
}

var _ Files = (*Client)(nil)

// The routes of files.
const (
	backupRoute  = "/v1/backup"
	compactRoute = "/v1/compact"
)

// handleFiles routes the requests about files.
func (s *server) handleFiles(mux *http.ServeMux, f Files) {
	mux.HandleFunc("POST "+compactRoute, func(w http.ResponseWriter, r *http.Request) {
		c, err := call(s, r, f.Compact)
		s.answer(w, c, err)
	})
	mux.HandleFunc("POST "+backupRoute, func(w http.ResponseWriter, r *http.Request) { s.backup(w, r, f) })
}

// backup answers with the bytes of a state file. An error after the first of them
// cuts the answer off, which the caller notices.
func (s *server) backup(w http.ResponseWriter, r *http.Request, f Files) {
	out := &begun{w: w}
	_, err := call(s, r, func(ctx context.Context, portal string) (struct{}, error) {
		return struct{}{}, f.Backup(ctx, portal, out)
	})
	switch {
	case err == nil:
	case !out.yes:
		s.refuse(w, err)
	default:
		_, f := s.fault(err)
		s.log.Warn("a backup through the admin socket was cut off", keyError, f.Text)
		panic(http.ErrAbortHandler)
	}
}

// begun notes whether an answer has begun.
type begun struct {
	w   http.ResponseWriter
	yes bool
}

func (b *begun) Write(p []byte) (int, error) {
	if !b.yes {
		b.yes = true
		b.w.Header().Set("Content-Type", "application/octet-stream")
	}
	return b.w.Write(p)
}

// Backup implements [Files].
func (c *Client) Backup(ctx context.Context, portal string, w io.Writer) error {
	answer, err := c.do(ctx, http.MethodPost, backupRoute+"?"+encodePortal(portal), nil)
	if err != nil {
		return err
	}
	defer answer.Close()
	if _, err := io.Copy(w, answer); err != nil {
		return fmt.Errorf("the copy of the state file was cut off: %w", err)
	}
	return nil
}

// Compact implements [Files].
func (c *Client) Compact(ctx context.Context, portal string) (giftsync.Compaction, error) {
	return fetch[giftsync.Compaction](ctx, c, http.MethodPost, compactRoute+"?"+encodePortal(portal), nil)
}
