package configs

import (
	"crypto/sha256"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
)

// What belongs to one portal alone, and what to do if two portals have it.
const (
	ownRecords = "give each portal a HubSpot account, or an object.name, of its own: two would overwrite each other's records"
	ownSecret  = "have each portal's sender use a secret of its own: an event of one would be applied at the other"
)

// An owner is the first portal that has something, and the key of its setting.
type owner struct {
	portal int
	key    string
}

// owners maps what belongs to one portal to its owner.
type owners map[string]owner

// take makes a portal the owner of what, unless another one is. It returns the
// key of that one's setting.
func (o owners) take(what string, portal int, key string) (first string, taken bool) {
	had, ok := o[what]
	if !ok {
		o[what] = owner{portal, key}
		return "", false
	}
	return had.key, had.portal != portal
}

// bindings checks that no two portals name the same HubSpot account and object,
// or the same file for what belongs to one portal.
func (r *report) bindings(c *Config) {
	accounts := make(owners)
	for i, p := range c.Portals {
		key := item("portals", i) + ".hubspot.account_id"
		if p.HubSpot.AccountID == 0 {
			continue
		}
		if first, taken := accounts.take(fmt.Sprintf("%s %d", records(p.HubSpot), p.HubSpot.AccountID), i, key); taken {
			r.twice(key, first, "the same account and object as", ownRecords)
		}
	}
	r.secrets(c, "the same file as", func(file string) (string, bool) { return filepath.Clean(file), file != "" })
}

// CheckBindings reads the portals' HubSpot tokens and webhook secrets and
// checks that no two portals have the same one in different files, which [Load]
// cannot see. It skips secrets that cannot be read: those fail where they are
// needed. Its error is a [*LoadError].
func (c *Config) CheckBindings() error {
	r := report{lines: c.lines}
	r.secrets(c, "holds the same secret as", func(file string) (string, bool) {
		secret, err := c.ReadSecret(file)
		// A Standard Webhooks secret is the same with and without its prefix.
		digest := sha256.Sum256([]byte(strings.TrimPrefix(secret.Reveal(), "whsec_")))
		return string(digest[:]), err == nil
	})
	if len(r.problems) == 0 {
		return nil
	}
	return &LoadError{File: c.file, Problems: r.problems}
}

// secrets checks that no two portals of one HubSpot object have the same token,
// and no two portals the same webhook secret. identity says which files hold the
// same secret.
func (r *report) secrets(c *Config, what string, identity func(file string) (string, bool)) {
	tokens, hooks := make(owners), make(owners)
	check := func(o owners, i int, scope, file, key, remedy string) {
		id, ok := identity(file)
		if !ok {
			return
		}
		if first, taken := o.take(scope+"\x00"+id, i, key); taken {
			r.twice(key, first, what, remedy)
		}
	}
	for i, p := range c.Portals {
		at := item("portals", i)
		check(tokens, i, records(p.HubSpot), p.HubSpot.TokenFile, at+".hubspot.token_file", ownRecords)
		list := func(key string, files []string) {
			for n, file := range files {
				check(hooks, i, "", file, item(at+".webhooks."+key, n), ownSecret)
			}
		}
		if w := p.Webhooks.GiftEvents; w != nil {
			list("gift-events.secret_files", w.SecretFiles)
			list("gift-events.token_files", w.TokenFiles)
		}
		if w := p.Webhooks.Thyngs; w != nil {
			list("thyngs.token_files", w.TokenFiles)
		}
		if w := p.Webhooks.ZohoThrive; w != nil {
			list("zoho-thrive.token_files", w.TokenFiles)
		}
	}
}

// records names the object of a portal and the servers that it is on. HubSpot's
// own servers have several names and one set of accounts.
func records(h HubSpot) string {
	host := h.BaseURL
	if u, err := url.Parse(h.BaseURL); err == nil {
		host = strings.ToLower(u.Host)
	}
	if host == "hubapi.com" || strings.HasSuffix(host, ".hubapi.com") {
		host = "hubapi.com"
	}
	return host + " " + strings.ToLower(h.Object.Name)
}

// twice records that two settings have what only one may have, with both lines.
func (r *report) twice(key, first, what, remedy string) {
	at := ""
	if line := r.line(first); line > 0 {
		at = fmt.Sprintf(" (line %d)", line)
	}
	r.add(key, what+" "+first+at, remedy)
}
