package configs

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
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
	r.secrets(c, "the same file as", func(file string) []string {
		if file == "" {
			return nil
		}
		return []string{filepath.Clean(file)}
	})
}

// CheckBindings reads the portals' HubSpot tokens and webhook secrets and
// checks that no two portals have the same one in different files, which [Load]
// cannot see. It skips secrets that cannot be read: those fail where they are
// needed. Its error is a [*LoadError].
func (c *Config) CheckBindings() error {
	r := report{lines: c.lines}
	r.secrets(c, "holds the same secret as", func(file string) []string {
		secret, err := c.ReadSecret(file)
		if err != nil {
			return nil
		}
		return identities(secret.Reveal())
	})
	if len(r.problems) == 0 {
		return nil
	}
	return &LoadError{File: c.file, Problems: r.problems}
}

// identities are digests of what a secret's text can stand for: itself, and the
// bytes that it writes in base64 of any alphabet, with or without the prefix of
// Standard Webhooks and padding, or in hex. Two texts with one of them in common are
// one secret in two spellings. Decoding is strict: words that people choose, such as
// hook-1 and hook-2, would be the same bytes otherwise.
func identities(text string) []string {
	forms := [][]byte{[]byte(text)}
	bare := text
	if n := len("whsec_"); len(text) > n && strings.EqualFold(text[:n], "whsec_") {
		bare = text[n:]
		forms = append(forms, []byte(bare))
	}
	encoded := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(bare, "="))
	if key, err := base64.RawStdEncoding.Strict().DecodeString(encoded); err == nil {
		forms = append(forms, key)
	}
	if key, err := hex.DecodeString(bare); err == nil {
		forms = append(forms, key)
	}
	digests := make([]string, len(forms))
	for i, form := range forms {
		digest := sha256.Sum256(form)
		digests[i] = string(digest[:])
	}
	return digests
}

// secrets checks that no two portals of one HubSpot object have the same token,
// and no two portals the same webhook secret. Files with one of their identities in
// common hold the same secret; one without any is skipped. The first one is that of
// the text itself, which is all that a token has.
func (r *report) secrets(c *Config, what string, identities func(file string) []string) {
	tokens, hooks := make(owners), make(owners)
	itself := func(file string) []string { ids := identities(file); return ids[:min(len(ids), 1)] }
	check := func(o owners, i int, scope string, ids []string, key, remedy string) {
		for _, id := range ids {
			if first, taken := o.take(scope+"\x00"+id, i, key); taken {
				r.twice(key, first, what, remedy)
				return
			}
		}
	}
	for i, p := range c.Portals {
		at := item("portals", i)
		check(tokens, i, records(p.HubSpot), itself(p.HubSpot.TokenFile), at+".hubspot.token_file", ownRecords)
		list := func(key string, files []string, of func(string) []string) {
			for n, file := range files {
				check(hooks, i, "", of(file), item(at+".webhooks."+key, n), ownSecret)
			}
		}
		if w := p.Webhooks.GiftEvents; w != nil {
			list("gift-events.secret_files", w.SecretFiles, identities)
			list("gift-events.token_files", w.TokenFiles, itself)
		}
		if w := p.Webhooks.Thyngs; w != nil {
			list("thyngs.token_files", w.TokenFiles, itself)
		}
		if w := p.Webhooks.ZohoThrive; w != nil {
			list("zoho-thrive.token_files", w.TokenFiles, itself)
		}
	}
}

// records names the object of a portal and the servers that it is on.
func records(h HubSpot) string { return Server(h.BaseURL) + " " + strings.ToLower(h.Object.Name) }

// Server names the server of a base URL, the same for each way to write it:
// host:port. HubSpot's own servers have several names and one set of accounts: they
// are all hubapi.com. Names of this machine are all localhost.
func Server(baseURL string) string {
	u, err := url.Parse(baseURL)
	if err != nil {
		return baseURL
	}
	host, port := strings.TrimSuffix(strings.ToLower(u.Hostname()), "."), u.Port()
	if port == "" && strings.EqualFold(u.Scheme, "http") {
		port = "80"
	}
	// A number may have zeros before it.
	if port = strings.TrimLeft(port, "0"); port == "" {
		port = "443"
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		host = ip.Unmap().String()
	}
	switch {
	case host == "hubapi.com", strings.HasSuffix(host, ".hubapi.com"):
		return "hubapi.com"
	case loopback(host):
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

// twice records that two settings have what only one may have, with both lines.
func (r *report) twice(key, first, what, remedy string) {
	at := ""
	if line := r.line(first); line > 0 {
		at = fmt.Sprintf(" (line %d)", line)
	}
	r.add(key, what+" "+first+at, remedy)
}
