package hubspot

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
)

const (
	// tokenTimeout bounds one request to the token endpoint. A daemon that stops
	// waits for it, because a refresh token that has come must be stored.
	tokenTimeout = 8 * time.Second
	// defaultLife is how long an access token lives if the answer does not say so.
	defaultLife = 30 * time.Minute
	// maxToken bounds what is taken for a token, in bytes. HubSpot asks to leave
	// room for 512 characters and more.
	maxToken = 8 << 10
	// maxOAuthBody bounds an answer, in bytes: two tokens and some hundred scopes.
	// Decoded, small values take fifty times their text.
	maxOAuthBody = 64 << 10
)

// AppConfig says which OAuth app calls. All of it is required but BaseURL,
// Version and Transport.
type AppConfig struct {
	BaseURL      string // as in [Config]
	Version      string // as in [Config]
	ClientID     string
	ClientSecret func() (Secret, error) // asked for each request, so that a replaced one is seen
	AuthorizeURL string                 // HubSpot's page on which an admin grants access
	RedirectURL  string                 // exactly one of the app's redirect URLs
	Transport    http.RoundTripper      // as in [Config]
}

// An App is an OAuth app at HubSpot's token endpoint. It is safe for concurrent
// use. No error of it, and nothing that it logs, holds a token, a code or the
// client secret.
//
// D/api-reference/latest/authentication/manage-oauth-tokens
type App struct {
	cfg  AppConfig
	base *url.URL
	http *http.Client
	path string // of the token endpoint

	mu       sync.Mutex
	refusal  *Error    // why HubSpot does not accept the app itself; nil where it does
	secret   Secret    // that was refused
	askAgain time.Time // when a refusal is tried once more
}

// NewApp returns the app. Nothing is sent yet.
func NewApp(cfg AppConfig) (*App, error) {
	base, err := parseBaseURL(cfg.BaseURL)
	if err != nil {
		return nil, err
	}
	if cfg.ClientID == "" || cfg.ClientSecret == nil || cfg.AuthorizeURL == "" || cfg.RedirectURL == "" {
		return nil, errors.New("hubspot: the app lacks its client id, client secret, authorize URL or redirect URL")
	}
	cfg.Version = cmp.Or(cfg.Version, defaultVersion)
	transport := cfg.Transport
	if transport == nil {
		transport = newTransport()
	}
	a := &App{cfg: cfg, base: base, path: "/oauth/" + cfg.Version + "/token"}
	a.http = &http.Client{
		Transport:     oauthTransport{transport, a.operations()},
		Timeout:       tokenTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return a, nil
}

// operations are all that the app may call. Its requests carry the client
// secret or a refresh token, so that no other address may get one.
func (a *App) operations() []string {
	operations := []string{"DELETE /appinstalls/" + a.cfg.Version + "/external-install"}
	for _, path := range []string{"", "/introspect", "/revoke"} {
		operations = append(operations, "POST "+a.path+path)
	}
	for i, o := range operations {
		method, path, _ := strings.Cut(o, " ")
		operations[i] = method + " " + a.base.Scheme + "://" + a.base.Host + a.base.Path + path
	}
	return operations
}

// An oauthTransport sends nothing but the app's operations, and bounds the
// answers.
type oauthTransport struct {
	next       http.RoundTripper
	operations []string
}

func (t oauthTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if !slices.Contains(t.operations, r.Method+" "+r.URL.String()) {
		return nil, errors.New("hubspot: this request is none of the OAuth client's")
	}
	r = r.Clone(r.Context())
	r.Header.Set("User-Agent", "thnks-hubspot-sync")
	r.Header.Set("Accept", "application/json")
	res, err := t.next.RoundTrip(r)
	if answered, ok := r.Context().Value(answeredKey{}).(func(Class, int)); ok {
		status := 0
		if err == nil {
			status = res.StatusCode
		}
		answered(OAuth, status)
	}
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := readBody(res.Body, maxOAuthBody)
	if err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}

type answeredKey struct{}

// Answered has every request of an [App] that is made with the context it returns
// counted by f, as [Config.Answered] says: an app makes requests for several portals.
// f may be nil.
func Answered(ctx context.Context, f func(class Class, status int)) context.Context {
	if f == nil {
		return ctx
	}
	return context.WithValue(ctx, answeredKey{}, f)
}

// A Grant is what an admin's consent gave the app: tokens for one account.
type Grant struct {
	AccountID string
	Scopes    []string // sorted
	Access    Secret
	Refresh   Secret
	Issued    time.Time // by our clock, when the answer came
	Expires   time.Time // when Access ends

	// Previous is the refresh token that Refresh has replaced, until Refresh has
	// been used with success; zero otherwise.
	Previous Secret
	// Ended says since when, and by which code of HubSpot's, the grant is known to
	// be over. Nothing is asked of HubSpot with such a grant.
	Ended     time.Time
	EndedCode string
}

// AuthorizeURL returns the address of HubSpot's page on which an admin of the
// account grants the scopes; account "" lets them choose one. Optional scopes are
// left out where the account cannot have them. verifier is the one of PKCE
// ([NewVerifier]), zero for none.
func (a *App) AuthorizeURL(account, state string, scopes, optional []string, verifier Secret) string {
	conf := a.config("")
	conf.Scopes = scopes
	if account != "" {
		conf.Endpoint.AuthURL = accountURL(conf.Endpoint.AuthURL, account)
	}
	var options []oauth2.AuthCodeOption
	if len(optional) > 0 {
		options = append(options, oauth2.SetAuthURLParam("optional_scope", strings.Join(optional, " ")))
	}
	if !verifier.IsZero() {
		options = append(options, oauth2.S256ChallengeOption(verifier.Reveal()))
	}
	// The library joins words with a plus. HubSpot's own links have %20, and no
	// value has a plus of its own.
	return strings.ReplaceAll(conf.AuthCodeURL(state, options...), "+", "%20")
}

// accountURL puts the account before the last element of the path:
// /oauth/authorize becomes /oauth/62515/authorize.
func accountURL(authorize, account string) string {
	i := strings.LastIndexByte(authorize, '/')
	if i < 0 {
		return authorize
	}
	return authorize[:i] + "/" + url.PathEscape(account) + authorize[i:]
}

// NewVerifier returns a new code verifier for PKCE (RFC 7636), of 256 random
// bits.
func NewVerifier() Secret { return SecretOf(oauth2.GenerateVerifier()) }

func (a *App) config(secret string) *oauth2.Config {
	return &oauth2.Config{
		ClientID:     a.cfg.ClientID,
		ClientSecret: secret,
		RedirectURL:  a.cfg.RedirectURL,
		Endpoint: oauth2.Endpoint{
			AuthURL:   a.cfg.AuthorizeURL,
			TokenURL:  a.base.String() + a.path,
			AuthStyle: oauth2.AuthStyleInParams,
		},
	}
}

// Exchange redeems the code that an admin's consent has sent, once.
func (a *App) Exchange(ctx context.Context, code string, verifier Secret) (*Grant, error) {
	return a.issue(ctx, func(ctx context.Context, conf *oauth2.Config) (*oauth2.Token, error) {
		var options []oauth2.AuthCodeOption
		if !verifier.IsZero() {
			options = append(options, oauth2.VerifierOption(verifier.Reveal()))
		}
		return conf.Exchange(ctx, code, options...)
	})
}

// Renew asks for a new access token. The refresh token in the answer may be a
// new one, and the old one over: store it before the access token is used.
func (a *App) Renew(ctx context.Context, refresh Secret) (*Grant, error) {
	return a.issue(ctx, func(ctx context.Context, conf *oauth2.Config) (*oauth2.Token, error) {
		return conf.TokenSource(ctx, &oauth2.Token{RefreshToken: refresh.Reveal()}).Token()
	})
}

// issue asks the token endpoint for tokens.
func (a *App) issue(ctx context.Context, ask func(context.Context, *oauth2.Config) (*oauth2.Token, error)) (*Grant, error) {
	secret, err := a.admitted()
	if err != nil {
		return nil, err
	}
	token, err := ask(context.WithValue(ctx, oauth2.HTTPClient, a.http), a.config(secret.Reveal()))
	if err != nil {
		return nil, a.noted(secret, a.refused(http.MethodPost, a.path, err))
	}
	now := time.Now()
	g := &Grant{
		AccountID: accountOf(token.Extra("hub_id")), Scopes: scopesOf(token.Extra("scopes")),
		Access: SecretOf(token.AccessToken), Refresh: SecretOf(token.RefreshToken), Issued: now, Expires: token.Expiry,
	}
	if g.Expires.IsZero() {
		g.Expires = now.Add(defaultLife)
	}
	if len(token.AccessToken) > maxToken || len(token.RefreshToken) > maxToken || g.Refresh.IsZero() {
		return nil, &Error{Kind: Unexpected, Status: http.StatusOK, Method: http.MethodPost, Path: a.path}
	}
	return g, a.noted(secret, nil)
}

// accountOf reads hub_id, which the library decodes as a float.
func accountOf(v any) string {
	if n, ok := v.(float64); ok && n > 0 && n == float64(int64(n)) {
		return fmt.Sprint(int64(n))
	}
	return ""
}

func scopesOf(v any) []string {
	list, _ := v.([]any)
	var scopes []string
	for _, e := range list {
		if s, ok := e.(string); ok {
			scopes = append(scopes, s)
		}
	}
	scopes = scopeNames(scopes)
	slices.Sort(scopes)
	return scopes
}

// An Introspection is what HubSpot says of a token.
type Introspection struct {
	Active    bool
	AccountID string
	Scopes    []string // sorted
}

// Introspect asks what a refresh token is worth. One that is over is no error; an
// answer that does not say whether it is over is one.
func (a *App) Introspect(ctx context.Context, refresh Secret) (*Introspection, error) {
	return a.introspect(ctx, refresh, "refresh_token")
}

// IntrospectAccess asks the same of an access token.
func (a *App) IntrospectAccess(ctx context.Context, access Secret) (*Introspection, error) {
	return a.introspect(ctx, access, "access_token")
}

func (a *App) introspect(ctx context.Context, token Secret, use string) (*Introspection, error) {
	var w struct {
		Active *bool    `json:"active"`
		HubID  text     `json:"hub_id"`
		Scopes []string `json:"scopes"`
	}
	err := a.post(ctx, "/introspect", url.Values{"token": {token.Reveal()}, "token_type_hint": {use}}, &w)
	if err != nil {
		return nil, err
	}
	if w.Active == nil { // of a gateway, say: it must not end a grant
		return nil, &Error{Kind: Unexpected, Status: http.StatusOK, Method: http.MethodPost, Path: a.path + "/introspect"}
	}
	scopes := scopeNames(w.Scopes)
	slices.Sort(scopes)
	return &Introspection{Active: *w.Active, AccountID: string(w.HubID), Scopes: scopes}, nil
}

// Revoke ends a refresh token. Access tokens that were issued with it live on
// until they expire.
func (a *App) Revoke(ctx context.Context, refresh Secret) error {
	return a.post(ctx, "/revoke", url.Values{"token": {refresh.Reveal()}, "token_type_hint": {"refresh_token"}}, nil)
}

// Uninstall takes the app out of the account that the access token is for. HubSpot
// sends the account's admins an e-mail about it.
//
// D/api-reference/latest/app-management/app-uninstalls/guide
func (a *App) Uninstall(ctx context.Context, access Secret) error {
	path := "/appinstalls/" + a.cfg.Version + "/external-install"
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, a.base.String()+path, nil)
	if err != nil {
		return &Error{Kind: Refused, Method: http.MethodDelete, Path: path, Err: err}
	}
	req.Header.Set("Authorization", "Bearer "+access.Reveal())
	_, err = a.send(req, path, func(call *Call, res *http.Response, body []byte) *Error { return answerError(call, res.Header, body) })
	return err
}

// post sends a form to an address below the token endpoint, and decodes the
// answer into out, which may be nil.
func (a *App) post(ctx context.Context, below string, form url.Values, out any) error {
	secret, err := a.admitted()
	if err != nil {
		return err
	}
	form.Set("client_id", a.cfg.ClientID)
	form.Set("client_secret", secret.Reveal())
	path := a.path + below
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.base.String()+path, strings.NewReader(form.Encode()))
	if err != nil {
		return &Error{Kind: Refused, Method: http.MethodPost, Path: path, Err: err}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	body, err := a.send(req, path, oauthError)
	if err := a.noted(secret, err); err != nil {
		return err
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return &Error{Kind: Transient, Status: http.StatusOK, Method: http.MethodPost, Path: path, Err: errGarbled}
	}
	return nil
}

// send sends a request and returns the body of a success. failure makes the error
// of any other answer.
func (a *App) send(req *http.Request, path string, failure func(*Call, *http.Response, []byte) *Error) ([]byte, error) {
	res, err := a.http.Do(req)
	if err != nil {
		return nil, a.refused(req.Method, path, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body) // bounded by the transport
	if err != nil {
		return nil, a.refused(req.Method, path, err)
	}
	if res.StatusCode/100 != 2 {
		call := &Call{Class: OAuth, Method: req.Method, Path: path, Status: res.StatusCode}
		call.CorrelationID = correlation(res.Header.Get("X-HubSpot-Correlation-Id"))
		return nil, failure(call, res, body)
	}
	return body, nil
}
