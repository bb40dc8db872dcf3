package hubspottest

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// The user who installed the app; token info of static tokens names it, too.
const (
	installerID = 1
	appID       = 1
	installer   = "admin@example.com"
	hubDomain   = "hub.example.com"
)

// authenticate checks the bearer token of a call, and finds what it was granted.
func (p *Portal) authenticate(c *call) *refusal {
	token, ok := strings.CutPrefix(c.r.Header.Get("Authorization"), "Bearer ")
	given := p.grants.access[token]
	r := unauthenticated()
	switch {
	case ok && token == p.opt.Token:
		c.scopes = p.scopes
		return nil
	case ok && given != nil && c.now.Before(given.until):
		c.scopes, c.access = given.install.scopes, given
		return nil
	case ok && given != nil:
		r.Category = "EXPIRED_AUTHENTICATION"
		r.Message = fmt.Sprintf("The OAuth token used to make this call expired %d second(s) ago.", int(c.now.Sub(given.until).Seconds()))
	}
	return r
}

// oauth answers /oauth: v1 (until 2027-02-16), its successors, and the v2 call
// for static tokens.
// https://developers.hubspot.com/docs/api-reference/latest/authentication/manage-oauth-tokens
func (c *call) oauth() answer {
	if c.version == "v2" {
		if !c.p.opt.NoTokenInfo && c.is("POST", "private-apps", "get", "access-token-info") {
			return c.tokenInfo()
		}
		return c.noRoute()
	}
	old := c.version == "v1"
	switch {
	case c.is("POST", "token"):
		return c.withClient(c.issueToken)
	case !old && c.is("POST", "token", "introspect"):
		return c.withClient(c.introspect)
	case !old && c.is("POST", "token", "revoke"):
		return c.withClient(c.revoke)
	case old && (c.is("GET", "access-tokens", "*") || c.is("GET", "refresh-tokens", "*")):
		info := c.describe(c.seg[1])
		if info == nil || strings.HasPrefix(c.seg[0], "access") != (info["token_type"] == "access") {
			return c.refuse(notFound("The token was not found."))
		}
		return c.json(http.StatusOK, info)
	case old && c.is("DELETE", "refresh-tokens", "*"):
		c.p.grants.end(c.seg[1])
		return answer{status: http.StatusNoContent}
	}
	return c.noRoute()
}

// badGrant is an OAuth refusal: RFC 6749's fields and HubSpot's own.
// https://developers.hubspot.com/changelog/new-oauth-v3-api-endpoints-and-standardized-error-responses
func (c *call) badGrant(code, status, message string) answer {
	return c.json(http.StatusBadRequest, map[string]string{"error": code, "error_description": message, "status": status, "message": message})
}

// withClient reads the form and checks who sends it. Only v1 takes parameters
// from the query as well.
func (c *call) withClient(next func(url.Values) answer) answer {
	form, err := url.ParseQuery(string(c.body))
	if ct := c.r.Header.Get("Content-Type"); err != nil || !strings.HasPrefix(ct, "application/x-www-form-urlencoded") {
		return c.refuse(&refusal{status: http.StatusUnsupportedMediaType, Category: "VALIDATION_ERROR", Message: "Unsupported media type; send application/x-www-form-urlencoded."})
	}
	if c.version == "v1" {
		for name, values := range c.query {
			form[name] = append(form[name], values...)
		}
	}
	app := c.p.opt.App
	switch {
	case app.ClientID == "" || form.Get("client_id") != app.ClientID:
		return c.badGrant("invalid_client", "BAD_CLIENT_ID", "missing or unknown client id")
	case form.Get("client_secret") != app.ClientSecret:
		return c.badGrant("invalid_client", "BAD_CLIENT_SECRET", "missing or invalid client secret")
	}
	return next(form)
}

// issueToken redeems a code, or gives a new access token for a refresh token.
func (c *call) issueToken(form url.Values) answer {
	g := &c.p.grants
	refresh := form.Get("refresh_token")
	switch form.Get("grant_type") {
	case "authorization_code":
		code := g.codes[form.Get("code")]
		switch {
		case form.Get("redirect_uri") != c.p.opt.App.RedirectURI:
			return c.badGrant("invalid_grant", "BAD_REDIRECT_URI", "missing or invalid redirect uri")
		case code == nil || !c.now.Before(code.until):
			return c.badGrant("invalid_grant", "BAD_AUTH_CODE", "missing or unknown auth code")
		case c.p.opt.App.NoPKCE && form.Has("code_verifier"), code.challenge != challengeOf(form):
			return c.badGrant("invalid_grant", "BAD_CODE_VERIFIER", "missing or invalid code verifier")
		}
		delete(g.codes, form.Get("code"))
		refresh = c.p.secret("na1-")
		g.refresh[refresh] = &refreshToken{install: code.install, family: refresh}
	case "refresh_token":
		next, ok := c.rotate(refresh)
		if !ok {
			return c.badGrant("invalid_grant", "BAD_REFRESH_TOKEN", "refresh token is invalid, expired or revoked")
		}
		refresh = next
	default:
		return c.badGrant("unsupported_grant_type", "BAD_GRANT_TYPE", "missing or unknown grant type")
	}
	return c.json(http.StatusOK, c.issued(refresh))
}

// issued gives an access token for a refresh token, and describes both.
func (c *call) issued(refresh string) map[string]any {
	g, app := &c.p.grants, c.p.opt.App
	from := g.refresh[refresh]
	access := c.p.secret("CK")
	g.access[access] = &accessToken{install: from.install, family: from.family, until: c.now.Add(app.TokenLife)}
	out := map[string]any{
		"token_type": "bearer", "access_token": access, "refresh_token": refresh,
		"hub_id": c.p.opt.ID, "scopes": sortedKeys(from.install.scopes),
	}
	if app.NoHubID {
		delete(out, "hub_id")
	}
	if !app.NoExpiresIn {
		out["expires_in"] = int(app.TokenLife.Seconds())
	}
	if c.version != "v1" {
		out["token_use"], out["user_id"] = "access_token", installerID
	}
	return out
}

// challengeOf is the challenge that the verifier of a form answers (RFC 7636,
// method S256), "" without a verifier.
func challengeOf(form url.Values) string {
	if !form.Has("code_verifier") {
		return ""
	}
	sum := sha256.Sum256([]byte(form.Get("code_verifier")))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// describe describes a valid token; it is nil for any other. It omits the signed
// access token, which is for HubSpot's own use.
func (c *call) describe(token string) map[string]any {
	info := map[string]any{"token": token, "user": installer, "hub_domain": hubDomain, "hub_id": c.p.opt.ID, "user_id": installerID}
	if given := c.p.grants.access[token]; given != nil && c.now.Before(given.until) {
		info["token_type"], info["app_id"], info["expires_in"] = "access", appID, int(given.until.Sub(c.now).Seconds())
		info["is_private_distribution"], info["scopes"] = false, sortedKeys(given.install.scopes)
		return info
	}
	if given := c.p.grants.refresh[token]; given != nil && given.valid(c.now) {
		info["token_type"], info["client_id"], info["scopes"] = "refresh", c.p.opt.App.ClientID, sortedKeys(given.install.scopes)
		return info
	}
	return nil
}

// introspect describes a token; an invalid one is no error.
func (c *call) introspect(form url.Values) answer {
	info := c.describe(form.Get("token"))
	if info == nil {
		return c.json(http.StatusOK, map[string]any{"active": false})
	}
	use := "refresh_token"
	if info["token_type"] == "access" {
		use = "access_token"
	}
	info["active"], info["token_use"], info["token_type"] = true, use, "bearer"
	info["client_id"], info["app_id"] = c.p.opt.App.ClientID, appID
	return c.json(http.StatusOK, info)
}

// revoke ends a refresh token. Access tokens live on until they expire.
func (c *call) revoke(form url.Values) answer {
	c.p.grants.end(form.Get("token"))
	return answer{status: http.StatusOK}
}

// uninstall answers the app's wish to be uninstalled from the account.
// https://developers.hubspot.com/docs/api-reference/latest/app-management/app-uninstalls/guide
func (c *call) uninstall() answer {
	switch {
	case !c.is("DELETE", "external-install"):
		return c.noRoute()
	case c.access == nil: // a static token, which no app has
		return c.refuse(&refusal{status: http.StatusForbidden, Category: "USER_DOES_NOT_HAVE_PERMISSIONS", Message: "Only an app's own token can uninstall it."})
	}
	c.p.grants.uninstall(c.p.opt.App.UninstallEndsAccess)
	return answer{status: http.StatusNoContent}
}
