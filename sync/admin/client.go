package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"syscall"

	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/doctor"
	"thnks-hubspot-sync/sync/send"
	"thnks-hubspot-sync/sync/stats"
)

// A Client calls the service of the daemon behind a socket. Errors of that
// service are [*RemoteError]s; every method may also fail with [ErrNotRunning]
// and [ErrVersion].
type Client struct{ http *http.Client }

var (
	_ Service = (*Client)(nil)
	_ Sender  = (*Client)(nil)
)

// Dial finds the daemon behind the socket at path. Where none answers it
// returns [ErrNotRunning]. A socket of another user is an error, and nothing
// is sent to it.
func Dial(path string) (*Client, error) {
	if len(path) > maxPath { // no daemon can have it
		return nil, ErrNotRunning
	}
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, ErrNotRunning
	case err != nil:
		return nil, fmt.Errorf("admin socket: %w", err)
	case info.Mode().Type() != fs.ModeSocket:
		return nil, fmt.Errorf("admin socket %s: the file there is not a socket: move it away", path)
	}
	if err := checkOwner(path, info); err != nil {
		return nil, fmt.Errorf("admin socket %w", err)
	}
	conn, err := dial(context.Background(), path)
	if err != nil {
		return nil, err
	}
	// One connection a request: none is left to go stale, and net/http never
	// repeats a request on a connection that it did not reuse.
	return &Client{&http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			conn, err := dial(ctx, path)
			if err != nil {
				return nil, &dialError{err}
			}
			return conn, nil
		},
		DisableKeepAlives:  true,
		DisableCompression: true,
	}}}, conn.Close()
}

// A dialError says why the daemon was not reached, in its own words.
type dialError struct{ error }

// dial connects, and checks that the process at the other end runs as our user.
func dial(ctx context.Context, path string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, ErrNotRunning
	case err != nil:
		return nil, fmt.Errorf("admin socket: %w", err)
	}
	if p := peerOf(conn); p.uid != os.Geteuid() {
		return nil, errors.Join(fmt.Errorf("admin socket %s is answered by %v, and this process runs as %d: nothing was sent; find out what that process is", path, p, os.Geteuid()), conn.Close())
	}
	return conn, nil
}

// Status implements [Service].
func (c *Client) Status(ctx context.Context) ([]giftsync.Status, error) {
	a, err := fetch[statusAnswer](ctx, c, http.MethodGet, statusRoute, nil)
	return a.Portals, err
}

// Stop implements [Service].
func (c *Client) Stop(ctx context.Context, portal string) (bool, error) {
	a, err := fetch[stopAnswer](ctx, c, http.MethodPost, stopRoute+"?"+encodePortal(portal), nil)
	return a.Stopped, err
}

// Stats implements [Service].
func (c *Client) Stats(ctx context.Context, portal string, q stats.Query) (stats.Report, error) {
	return fetch[stats.Report](ctx, c, http.MethodPost, statsRoute+"?"+encodePortal(portal), q)
}

// Check implements [Service].
func (c *Client) Check(ctx context.Context, portal string) ([]doctor.Finding, error) {
	a, err := fetch[checkAnswer](ctx, c, http.MethodGet, checkRoute+"?"+encodePortal(portal), nil)
	return a.Findings, err
}

// Quarantine implements [Service].
func (c *Client) Quarantine(ctx context.Context, portal string) (giftsync.QuarantineList, error) {
	var none giftsync.QuarantineList
	body, err := c.do(ctx, http.MethodGet, quarantineRoute+"?"+encodePortal(portal), nil)
	if err != nil {
		return none, err
	}
	defer body.Close()
	var records []giftsync.QuarantineRecord
	var groups []giftsync.QuarantineGroup
	for lines := json.NewDecoder(body); ; {
		var line listLine
		if err := lines.Decode(&line); err != nil {
			return none, broken(ctx, err)
		}
		records = append(records, line.Records...)
		groups = append(groups, line.Groups...)
		if line.End != nil {
			list := *line.End
			list.Records, list.Groups = append(list.Records, records...), append(list.Groups, groups...)
			return list, nil
		}
	}
}

// ShowQuarantined implements [Service].
func (c *Client) ShowQuarantined(ctx context.Context, portal, key string) (giftsync.QuarantinedRow, error) {
	return fetch[giftsync.QuarantinedRow](ctx, c, http.MethodPost, showRoute+"?"+encodePortal(portal), showRequest{key})
}

// DropQuarantined implements [Service].
func (c *Client) DropQuarantined(ctx context.Context, portal string, keys []string) (int, error) {
	a, err := fetch[dropAnswer](ctx, c, http.MethodPost, dropRoute+"?"+encodePortal(portal), dropRequest{keys})
	return a.Dropped, err
}

// Run implements [Service]. It calls the functions of watch itself. When ctx
// ends, the daemon cancels a dry run and finishes any other; [Client.Stop]
// stops that.
func (c *Client) Run(ctx context.Context, portal string, req giftsync.Request, watch giftsync.Watcher) (giftsync.Report, error) {
	var none giftsync.Report
	if req.From != "" { // the daemon has another working directory
		from, err := filepath.Abs(req.From)
		if err != nil {
			return none, err
		}
		req.From = from
	}
	text, err := json.Marshal(req)
	if err != nil {
		return none, err
	}
	body, err := c.do(ctx, http.MethodPost, runRoute+"?"+encodePortal(portal), bytes.NewReader(text))
	if err != nil {
		return none, err
	}
	defer body.Close()
	var changes []giftsync.PlannedChange
	for lines := json.NewDecoder(body); ; {
		var line runLine
		if err := lines.Decode(&line); err != nil {
			return none, runBroken(ctx, req, err)
		}
		if line.Waiting != nil && watch.Waiting != nil {
			watch.Waiting(*line.Waiting)
		}
		if line.Progress != nil && watch.Progress != nil {
			watch.Progress(*line.Progress)
		}
		changes = append(changes, line.Changes...)
		if line.End == nil {
			continue
		}
		rep := line.End.Report
		rep.Changes = changes
		if line.End.Error != nil {
			return rep, line.End.Error.err()
		}
		return rep, nil
	}
}

// Events implements [Service].
func (c *Client) Events(ctx context.Context, portal string, q giftsync.EventQuery) (giftsync.EventList, error) {
	return fetch[giftsync.EventList](ctx, c, http.MethodPost, eventsRoute+"?"+encodePortal(portal), q)
}

// Replay implements [Service].
func (c *Client) Replay(ctx context.Context, portal string, seqs []uint64) (int, error) {
	a, err := fetch[replayAnswer](ctx, c, http.MethodPost, replayRoute+"?"+encodePortal(portal), replayRequest{seqs})
	return a.Replayed, err
}

// Send implements [Sender]. If the daemon did not answer, the error is
// [ErrUnanswered]: the order may have been taken.
func (c *Client) Send(ctx context.Context, portal string, o send.Order) ([]send.Row, error) {
	a, err := fetch[sendAnswer](ctx, c, http.MethodPost, sendRoute+"?"+encodePortal(portal), o)
	return a.Sends, ofOrder(err)
}

// ofOrder is the error of a request that asks for gifts.
func ofOrder(err error) error {
	var remote *RemoteError
	if err != nil && !errors.As(err, &remote) && !errors.Is(err, ErrNotRunning) && !errors.Is(err, ErrVersion) {
		return ErrUnanswered
	}
	return err
}

// Sends implements [Sender].
func (c *Client) Sends(ctx context.Context, portal string, q send.Query) (send.List, error) {
	return fetch[send.List](ctx, c, http.MethodPost, sendsRoute+"?"+encodePortal(portal), q)
}

// ChangeSends implements [Sender].
func (c *Client) ChangeSends(ctx context.Context, portal string, ch send.Change) ([]send.Row, error) {
	a, err := fetch[sendAnswer](ctx, c, http.MethodPost, changeRoute+"?"+encodePortal(portal), ch)
	return a.Sends, err
}

// TryTriggers implements [Sender].
func (c *Client) TryTriggers(ctx context.Context, portal string, t send.Trial) ([]send.Tried, error) {
	a, err := fetch[triedAnswer](ctx, c, http.MethodPost, tryRoute+"?"+encodePortal(portal), t)
	return a.Triggers, err
}

// FireEvents implements [Sender]. If the daemon did not answer, the error is
// [ErrUnanswered].
func (c *Client) FireEvents(ctx context.Context, portal string, seqs []uint64) ([]send.Fired, error) {
	a, err := fetch[firedAnswer](ctx, c, http.MethodPost, fireRoute+"?"+encodePortal(portal), fireRequest{seqs})
	return a.Fired, ofOrder(err)
}

// fetch requests one document. in, if any, is the request's body.
func fetch[T any](ctx context.Context, c *Client, method, route string, in any) (T, error) {
	var v T
	var sent io.Reader
	if in != nil {
		var err error
		if sent, err = body(in); err != nil {
			return v, err
		}
	}
	answer, err := c.do(ctx, method, route, sent)
	if err != nil {
		return v, err
	}
	defer answer.Close()
	if err := json.NewDecoder(answer).Decode(&v); err != nil {
		var none T
		return none, broken(ctx, err)
	}
	return v, nil
}

// body is a request's document.
func body(in any) (io.Reader, error) {
	text, err := json.Marshal(in)
	return bytes.NewReader(text), err
}

// do sends a request to the daemon and returns the body of a successful answer.
func (c *Client) do(ctx context.Context, method, route string, in io.Reader) (io.ReadCloser, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://daemon"+route, in)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(r)
	var unreached *dialError
	var failed *url.Error
	switch {
	case errors.As(err, &unreached):
		return nil, unreached.error
	case errors.As(err, &failed):
		return nil, broken(ctx, failed.Err) // without the URL, whose host is made up
	case resp.StatusCode == http.StatusOK:
		return resp.Body, nil
	}
	defer resp.Body.Close()
	var a refusal
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil || a.Error == nil {
		return nil, fmt.Errorf("%w (it answered %s)", ErrVersion, resp.Status)
	}
	return nil, a.Error.err()
}

// broken is the error of a request whose answer is missing or cut off.
func broken(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return fmt.Errorf("the daemon ended or was stopped before it answered: run the command again: %w", err)
}

// runBroken says what is known about a run whose end did not arrive.
func runBroken(ctx context.Context, req giftsync.Request, err error) error {
	what := "the daemon ended or was stopped while the run was under way; it resumes with the daemon"
	switch {
	case ctx.Err() != nil && req.DryRun:
		return context.Cause(ctx)
	case ctx.Err() != nil:
		return ErrGoesOn
	case req.DryRun:
		what = "the daemon ended or was stopped while the dry run was under way: run the command again"
	}
	return fmt.Errorf("%s: %w", what, err)
}
