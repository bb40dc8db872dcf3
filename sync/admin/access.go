package admin

import (
	"context"
	"errors"
	"net/http"

	"thnks-hubspot-sync/sync/app"
)

// Access is a portal's access to HubSpot by OAuth: how it is given, ended and
// kept. The daemon serves it beside its [Service], and [Client] is that of the
// daemon seen from another process.
type Access interface {
	// Connect makes a link by which an admin of the account grants access.
	Connect(ctx context.Context, portal string) (app.Link, error)
	// AwaitConnection waits until the link with this ticket has led to something.
	AwaitConnection(ctx context.Context, portal, ticket string) (app.Connection, error)
	// Disconnect ends the access and removes the tokens.
	Disconnect(ctx context.Context, portal string) (app.Farewell, error)
	// Reseal seals the tokens with the newest master key that the daemon reads.
	Reseal(ctx context.Context, portal string) (app.Sealing, error)
}

var _ Access = (*Client)(nil)

// The routes of [Access].
const (
	connectRoute    = "/v1/connect"
	awaitRoute      = connectRoute + "/wait"
	disconnectRoute = "/v1/disconnect"
	resealRoute     = "/v1/reseal"
)

type awaitRequest struct {
	Ticket string `json:"ticket"`
}

// errNoAccess is the answer of a daemon without [Access].
var errNoAccess = errors.New("this daemon connects no portals")

// handleAccess adds the routes of [Access].
func (s *server) handleAccess(mux *http.ServeMux, a Access) {
	if a == nil {
		a = noAccess{}
	}
	mux.HandleFunc("POST "+connectRoute, func(w http.ResponseWriter, r *http.Request) {
		link, err := call(s, r, a.Connect)
		s.answer(w, link, err)
	})
	mux.HandleFunc("POST "+awaitRoute, func(w http.ResponseWriter, r *http.Request) {
		c, err := callWith(s, r, func(ctx context.Context, portal string, q awaitRequest) (app.Connection, error) {
			return a.AwaitConnection(ctx, portal, q.Ticket)
		})
		s.answer(w, c, err)
	})
	mux.HandleFunc("POST "+disconnectRoute, func(w http.ResponseWriter, r *http.Request) {
		done, err := call(s, r, a.Disconnect)
		s.answer(w, done, err)
	})
	mux.HandleFunc("POST "+resealRoute, func(w http.ResponseWriter, r *http.Request) {
		sealing, err := call(s, r, a.Reseal)
		s.answer(w, sealing, err)
	})
}

// noAccess is the [Access] of a daemon that has none.
type noAccess struct{}

func (noAccess) Connect(context.Context, string) (app.Link, error) { return app.Link{}, errNoAccess }

func (noAccess) AwaitConnection(context.Context, string, string) (app.Connection, error) {
	return app.Connection{}, errNoAccess
}

func (noAccess) Disconnect(context.Context, string) (app.Farewell, error) {
	return app.Farewell{}, errNoAccess
}

func (noAccess) Reseal(context.Context, string) (app.Sealing, error) {
	return app.Sealing{}, errNoAccess
}

// Connect implements [Access].
func (c *Client) Connect(ctx context.Context, portal string) (app.Link, error) {
	return fetch[app.Link](ctx, c, http.MethodPost, connectRoute+"?"+encodePortal(portal), nil)
}

// AwaitConnection implements [Access].
func (c *Client) AwaitConnection(ctx context.Context, portal, ticket string) (app.Connection, error) {
	return fetch[app.Connection](ctx, c, http.MethodPost, awaitRoute+"?"+encodePortal(portal), awaitRequest{ticket})
}

// Disconnect implements [Access].
func (c *Client) Disconnect(ctx context.Context, portal string) (app.Farewell, error) {
	return fetch[app.Farewell](ctx, c, http.MethodPost, disconnectRoute+"?"+encodePortal(portal), nil)
}

// Reseal implements [Access].
func (c *Client) Reseal(ctx context.Context, portal string) (app.Sealing, error) {
	return fetch[app.Sealing](ctx, c, http.MethodPost, resealRoute+"?"+encodePortal(portal), nil)
}
