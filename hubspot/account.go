package hubspot

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
)

// An Account is the portal that the token belongs to.
type Account struct {
	ID       string // portal id
	TimeZone string // IANA name
	Currency string // ISO 4217 code of the portal's own currency
	UIDomain string // "app.hubspot.com", "app-eu1.hubspot.com", …; record links begin with it
	Type     string // STANDARD, DEVELOPER_TEST, SANDBOX, APP_DEVELOPER
}

// Account reads the portal's account details. HubSpot's descriptions differ in which
// scope that takes: where it is forbidden, a [Granted] source asks at least whose the
// token is.
//
// D/api-reference/latest/account/account-information/guide
func (c *Client) Account(ctx context.Context) (*Account, error) {
	var w struct {
		PortalID text   `json:"portalId"`
		TimeZone string `json:"timeZone"`
		Currency string `json:"companyCurrency"`
		UIDomain string `json:"uiDomain"`
		Type     string `json:"accountType"`
	}
	call, err := c.do(ctx, request{class: Other, method: http.MethodGet, path: "/account-info/{version}/details", out: &w})
	if e, ok := AsError(err); ok && e.Kind == Forbidden {
		if g, ok := c.token.(Granted); ok {
			id, err := g.Account(ctx)
			return &Account{ID: id}, err
		}
	}
	if err != nil {
		return nil, err
	}
	if w.PortalID == "" {
		return nil, unexpected(call)
	}
	return &Account{ID: string(w.PortalID), TimeZone: w.TimeZone, Currency: w.Currency, UIDomain: w.UIDomain, Type: w.Type}, nil
}

// Granted is a token source that knows what its tokens allow, as [Tokens] does.
type Granted interface {
	Account(context.Context) (id string, err error) // that they are for, as HubSpot says
	Scopes(context.Context) ([]string, error)
}

// Scopes lists the scopes of the token. It asks HubSpot about a static token (a
// service key's or a static-auth app's), and a [Granted] source itself. HubSpot does
// not document the call and may not support every kind of token: an [*Error] of kind
// [Refused], [NotFound], [Forbidden], [Unauthorised] or [Unexpected] means only that
// the scopes are unknown.
//
// Seen in use: POST /oauth/v2/private-apps/get/access-token-info.
func (c *Client) Scopes(ctx context.Context) ([]string, error) {
	if s, ok := c.token.(Granted); ok {
		return s.Scopes(ctx)
	}
	token, err := c.token.Token()
	if err != nil {
		return nil, tokenError(err)
	}
	in := struct {
		TokenKey string `json:"tokenKey"`
	}{token.AccessToken}
	var w struct {
		Scopes []string `json:"scopes"`
	}
	call, err := c.do(ctx, request{class: OAuth, method: http.MethodPost, path: "/oauth/v2/private-apps/get/access-token-info", in: in, out: &w})
	if errors.Is(err, errBlocked) || errors.Is(err, errGarbled) {
		// An undocumented call may be answered by anything.
		return nil, unexpected(call)
	}
	if err != nil {
		return nil, err
	}
	if w.Scopes == nil {
		return nil, unexpected(call)
	}
	return w.Scopes, nil
}

// A Pipeline is a sequence of stages for the records of an object type.
type Pipeline struct {
	ID     string  `json:"id"`
	Label  string  `json:"label"`
	Stages []Stage `json:"stages"`
}

// A Stage is a step of a pipeline.
type Stage struct {
	ID     string
	Label  string
	Closed bool // its records are won, lost or done
}

// UnmarshalJSON reads the stage as HubSpot prints it. Its metadata says as text
// whether it is closed. In older portals that is missing; then a probability of
// 0 or 1 means closed.
func (s *Stage) UnmarshalJSON(b []byte) error {
	var w struct {
		ID       string `json:"id"`
		Label    string `json:"label"`
		Metadata struct {
			IsClosed    text `json:"isClosed"`
			Probability text `json:"probability"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	*s = Stage{ID: w.ID, Label: w.Label, Closed: w.Metadata.IsClosed == "true"}
	if w.Metadata.IsClosed == "" {
		p, err := strconv.ParseFloat(string(w.Metadata.Probability), 64)
		s.Closed = err == nil && (p == 0 || p == 1)
	}
	return nil
}

// Pipelines lists an object type's pipelines.
//
// D/api-reference/latest/crm/pipelines/guide
func (c *Client) Pipelines(ctx context.Context, objectType string) ([]Pipeline, error) {
	return unpaged[Pipeline](ctx, c, Other, path("/crm/pipelines/{version}", objectType), nil)
}
