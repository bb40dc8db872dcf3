package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	giftsync "thnks-hubspot-sync/sync"
)

// Files takes care of portals' state files. The daemon implements it beside
// [Service], and so does [Client].
type Files interface {
	// Backup writes a portal's state file to w as it is at one moment. After an error
	// what was written is of no use. The daemon's ends with the first error of w, and
	// not by ctx.
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

// Bounds of a backup. While it reads the state file, the file cannot use old pages again,
// and a commit may wait.
const (
	takeWithin = 30 * time.Second // for each piece, at most 32 KiB: a reader that takes none gets no more
	copyGrace  = time.Second      // to go on once the daemon stops or reads its configuration anew
)

// backup answers with the bytes of a state file. An error after the first of them
// cuts the answer off, which the caller notices.
func (s *server) backup(w http.ResponseWriter, r *http.Request, f Files) {
	// The request's own context ends with life; a client that leaves fails the writing.
	ctx, cut := context.WithCancel(context.WithoutCancel(r.Context()))
	defer context.AfterFunc(s.life, func() { time.AfterFunc(copyGrace, cut) })()
	out := &copied{ctx: ctx, w: w, conn: http.NewResponseController(w), within: s.takeWithin}
	var cutter sync.WaitGroup
	cutter.Go(func() {
		<-ctx.Done()
		_ = out.conn.SetWriteDeadline(time.Now()) // a write under way ends
	})
	_, err := call(s, r, func(_ context.Context, portal string) (struct{}, error) {
		return struct{}{}, f.Backup(ctx, portal, out)
	})
	cut()
	cutter.Wait()
	_ = out.conn.SetWriteDeadline(time.Time{}) // if this fails, the connection is closed
	switch {
	case err == nil:
	case !out.begun:
		s.refuse(w, err)
	default:
		_, f := s.fault(err)
		s.log.Warn("a backup through the admin socket was cut off", keyError, f.Text)
		panic(http.ErrAbortHandler)
	}
}

// copied is the answer to a backup. It takes nothing once its context has ended.
type copied struct {
	ctx    context.Context
	w      http.ResponseWriter
	conn   *http.ResponseController
	within time.Duration // [takeWithin], or less in a test
	begun  bool
}

func (c *copied) Write(p []byte) (int, error) {
	began := time.Now()
	if err := c.conn.SetWriteDeadline(began.Add(c.within)); err != nil {
		return 0, err
	}
	if err := c.ctx.Err(); err != nil { // after our deadline: the cutter sets its own after the end of ctx
		return 0, err
	}
	if !c.begun {
		c.begun = true
		c.w.Header().Set("Content-Type", "application/octet-stream")
	}
	n, err := c.w.Write(p)
	if errors.Is(err, os.ErrDeadlineExceeded) && time.Since(began) >= c.within {
		err = fmt.Errorf("its reader took nothing for %v: %w", c.within, err)
	}
	return n, err
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
