package configs

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// name matches the names of portals and apps.
var name = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,62}$`)

// config checks everything that the types do not guarantee.
func (r *report) config(c *Config) {
	r.required("state_dir", c.StateDir)
	r.path("state_dir", c.StateDir)
	r.address("listen", c.Listen)
	r.address("admin_listen", c.AdminListen)
	if c.Listen == c.AdminListen && !strings.HasSuffix(c.Listen, ":0") {
		r.add("admin_listen", "the same address as listen", "give the private side a port of its own")
	}
	if c.PublicURL != "" {
		r.url("public_url", c.PublicURL)
	}
	if c.AdminTokenFile != "" {
		r.file("admin_token_file", c.AdminTokenFile)
	}
	if c.MasterKeyFile != "" {
		r.file("master_key_file", c.MasterKeyFile)
	}
	if _, err := ParseSchedule(c.Schedule); err != nil {
		what, remedy, _ := strings.Cut(err.Error(), ": ")
		r.add("schedule", what, remedy)
	}
	if c.RunsAtOnce < 0 {
		r.add("runs_at_once", "negative", "give how many portals' runs may work at the same time, or 0 for twice the processors")
	}
	r.oneOf("log.format", c.Log.Format, LogAuto, LogJSON)
	r.notices(c.Notices)
	r.apps(c.HubSpotApps)
	r.portals(c)
}

func (r *report) apps(apps []App) {
	for i, app := range apps {
		at := fmt.Sprintf("hubspot_apps[%d].", i)
		r.name(at+"name", app.Name, "hubspot_apps", i, func(i int) string { return apps[i].Name })
		if app.AppID <= 0 {
			r.add(at+"app_id", "missing or not positive", "copy the app id from HubSpot's developer pages")
		}
		for j, other := range apps[:i] {
			if app.AppID > 0 && other.AppID == app.AppID {
				r.add(at+"app_id", fmt.Sprintf("the same app as hubspot_apps[%d]", j), "describe each app once; several portals can name it")
				break
			}
		}
		r.required(at+"client_id", app.ClientID)
		r.file(at+"client_secret_file", app.ClientSecretFile)
		r.url(at+"authorize_url", app.AuthorizeURL)
	}
}

// name checks a name and that none of the earlier ones in the list equals it.
func (r *report) name(key, value, list string, i int, other func(int) string) {
	if value == "" {
		r.add(key, "missing", "give a name of letters, digits and dashes")
		return
	}
	if !name.MatchString(value) {
		r.add(key, "not a name", "use letters, digits and dashes, at most 63, a letter or digit first")
	}
	for j := range i {
		if strings.EqualFold(other(j), value) {
			r.add(key, fmt.Sprintf("the same name as %s[%d], case ignored", list, j), "choose another")
			return
		}
	}
}

// required reports an empty value.
func (r *report) required(key, value string) {
	if value == "" {
		r.add(key, "missing", "give a value")
	}
}

// oneOf reports a value that is not among the choices.
func (r *report) oneOf(key, value string, choices ...string) {
	if !slices.Contains(choices, value) {
		r.add(key, "not a known word", "choose "+list(choices))
	}
}

// list joins the choices for an error's text.
func list(choices []string) string {
	if len(choices) == 1 {
		return choices[0]
	}
	last := len(choices) - 1
	return strings.Join(choices[:last], ", ") + " or " + choices[last]
}

// file checks the name of a secret file, without opening it.
func (r *report) file(key, value string) {
	switch {
	case value == "":
		r.add(key, "missing", "name the file that holds the secret")
	case looksSecret(value):
		r.add(key, "looks like a secret where a file is to be named", secretRemedy)
	default:
		r.path(key, value)
	}
}

// path refuses what only a shell would replace.
func (r *report) path(key, value string) {
	switch {
	case strings.HasPrefix(value, "~"):
		r.add(key, "begins with ~, which only a shell replaces", "write the path in full")
	case strings.Contains(value, "$"):
		r.add(key, "holds a $, which only a shell replaces", "write the path in full")
	}
}

// item returns the key of a list's element.
func item(key string, i int) string { return fmt.Sprintf("%s[%d]", key, i) }

// files checks a list of names of secret files.
func (r *report) files(key string, values []string) {
	if len(values) == 0 {
		r.add(key, "missing", "name at least one file that holds the secret")
	}
	for i, value := range values {
		r.file(item(key, i), value)
	}
}

// address checks a host:port to listen on.
func (r *report) address(key, value string) {
	_, port, err := net.SplitHostPort(value)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		r.add(key, "not an address to listen on", "write host:port, such as 127.0.0.1:8080")
	}
}

// url checks a URL that is called or published: https, or plain http on this
// machine.
func (r *report) url(key, value string) {
	u, err := url.Parse(value)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		r.add(key, "not a URL", "write it like https://host.example")
	case strings.ContainsFunc(u.Host, func(c rune) bool { return c >= utf8.RuneSelf }):
		r.add(key, "has letters beyond ASCII in its host", "write the host as DNS has it, such as xn--bcher-kva.example")
	case u.User != nil:
		r.add(key, "holds a user name or password", "remove what stands before the @")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		r.add(key, "holds a query or fragment", "remove what follows the ? or #")
	case u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())):
		r.add(key, "neither https nor http on this machine", "use https://")
	}
}

// loopback reports whether a host is this machine.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
