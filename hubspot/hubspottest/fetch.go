package hubspottest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// A User is who looks at a page of the app in HubSpot.
type User struct {
	ID    int64
	Email string
}

// A Page is a card or page of the app that a user looks at. Its requests go through
// HubSpot, which says who asks and signs that.
type Page struct {
	User   User
	AppID  int64
	Secret string // the app's client secret
	Portal int64  // the account in which it is looked at; 0 for that of the portal
	Lost   int    // answers that get lost, the first ones
	Client *http.Client
}

// The limits of hubspot.fetch.
const (
	fetchTimeout = 15 * time.Second
	fetchLimit   = 1 << 20 // bytes each way
)

// A FetchAnswer is what hubspot.fetch returns.
type FetchAnswer struct {
	Status   int
	Body     []byte
	Requests int           // that were made: one, or two
	Time     time.Duration // of the last one
}

// Fetch does what hubspot.fetch does with a request of a page: it adds who asks to
// the query, signs the request, and repeats it once if no answer comes or one of 5xx.
// https://developers.hubspot.com/docs/apps/developer-platform/add-features/ui-extensibility/fetching-data
func (p *Portal) Fetch(ctx context.Context, page Page, method, address string, body []byte) (*FetchAnswer, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	if len(body) > fetchLimit {
		return nil, errors.New("hubspot.fetch: the body is larger than 1 MB")
	}
	account := page.Portal
	if account == 0 {
		account = p.opt.ID
	}
	query := u.Query()
	for name, value := range map[string]string{
		"portalId": strconv.FormatInt(account, 10), "userId": strconv.FormatInt(page.User.ID, 10),
		"userEmail": page.User.Email, "appId": strconv.FormatInt(page.AppID, 10),
	} {
		query.Set(name, value) // what the page has written under these names is gone
	}
	u.RawQuery = query.Encode()
	if page.Client == nil {
		page.Client = &http.Client{Transport: &http.Transport{}}
	}
	a := new(FetchAnswer)
	for a.Requests < 2 {
		a.Requests++
		if err = page.try(ctx, method, u.String(), body, a); err == nil && a.Status < 500 {
			return a, nil
		}
	}
	return a, err
}

var errLost = errors.New("hubspot.fetch: the answer was lost")

// try makes one request.
func (page *Page) try(ctx context.Context, method, address string, body []byte, a *FetchAnswer) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	sign(r, 3, address, page.Secret, body)
	began := time.Now()
	res, err := page.Client.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	a.Body, err = io.ReadAll(io.LimitReader(res.Body, fetchLimit+1))
	a.Status, a.Time = res.StatusCode, time.Since(began)
	switch {
	case err != nil:
		return err
	case page.Lost > 0:
		page.Lost--
		return errLost
	case len(a.Body) > fetchLimit:
		return errors.New("hubspot.fetch: the answer is larger than 1 MB")
	}
	return nil
}
