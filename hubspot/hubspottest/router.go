package hubspottest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The classes of call, each with a rate budget of its own.
const (
	ClassObjects      = "objects"
	ClassAssociations = "associations"
	ClassSearch       = "search"
	ClassOAuth        = "oauth"
	ClassOther        = "other" // counted apart, paid from the budget of objects
)

// writeValidation is the first version that enforces admins' rules and
// normalises dates.
// https://developers.hubspot.com/changelog/crm-api-write-validation-enforcement
const writeValidation = "2026-09"

// A call is one request on its way through the portal.
type call struct {
	p           *Portal
	r           *http.Request
	query       url.Values
	now         time.Time
	correlation string
	rateHeader  [][2]string
	scopes      map[string]bool // of its token
	access      *accessToken    // its token, if it is the app's
	body        []byte
	unread      error // why the body is incomplete

	version string
	area    string   // "objects", "associations", "schemas", …
	seg     []string // the path behind area and version
	class   string
}

var legacyVersion = regexp.MustCompile(`^v[1-4]$`)

// crmAreas stand under /crm on dated paths.
var crmAreas = map[string]bool{"objects": true, "associations": true, "properties": true, "pipelines": true, "owners": true, "limits": true}

// served lists the versions of each area.
var served = map[string][]string{
	"objects":      {"2026-09", "2026-03", "v3", "v4"},
	"associations": {"2026-09", "2026-03", "v4"},
	"schemas":      {"2026-09", "2026-03", "v3"},
	"properties":   {"2026-09", "2026-03", "v3"},
	"pipelines":    {"2026-09", "2026-03", "v3"},
	"owners":       {"2026-09", "2026-03", "v3"},
	"limits":       {"2026-09", "2026-03", "v3"},
	"account":      {"2026-09", "2026-03", "v3"},
	"oauth":        {"2026-09", "2026-03", "v1", "v2", "v3"},
	"appinstalls":  {"2026-09", "2026-03", "v3"},
	"callbacks":    {"2026-09", "2026-03"},
}

// parse reads version and area from the path and reports whether they exist.
// Dates stand behind the area (/crm/objects/2026-09), v3 and v4 before it.
func (c *call) parse() bool {
	c.class = ClassOther
	path := strings.Trim(c.r.URL.EscapedPath(), "/")
	seg := strings.Split(path, "/")
	for i, s := range seg {
		u, err := url.PathUnescape(s)
		if err != nil {
			return false
		}
		seg[i] = u
	}
	switch {
	case len(seg) >= 3 && seg[0] == "crm" && legacyVersion.MatchString(seg[1]) && (crmAreas[seg[2]] || seg[2] == "schemas"):
		c.version, c.area, c.seg = seg[1], seg[2], seg[3:]
	case len(seg) >= 3 && seg[0] == "crm" && crmAreas[seg[1]]:
		c.area, c.version, c.seg = seg[1], seg[2], seg[3:]
		if legacyVersion.MatchString(c.version) && c.area != "objects" {
			return false
		}
	case len(seg) >= 3 && seg[0] == "crm-object-schemas" && seg[2] == "schemas":
		c.version, c.area, c.seg = seg[1], "schemas", seg[3:]
	case len(seg) >= 2 && seg[0] == "account-info":
		c.version, c.area, c.seg = seg[1], "account", seg[2:]
	case len(seg) >= 2 && seg[0] == "oauth":
		c.version, c.area, c.seg = seg[1], "oauth", seg[2:]
	case len(seg) >= 2 && seg[0] == "appinstalls":
		c.version, c.area, c.seg = seg[1], "appinstalls", seg[2:]
	case len(seg) >= 4 && seg[0] == "automation" && seg[1] == "actions" && seg[2] == "callbacks":
		c.version, c.area, c.seg = seg[3], "callbacks", seg[4:]
	default:
		return false
	}
	c.class = c.classify()
	if !slices.Contains(served[c.area], c.version) {
		return false
	}
	// v4 knows the associations of a record and nothing else about objects.
	links := len(c.seg) >= 3 && c.seg[2] == "associations"
	return c.area != "objects" || links == (c.version == "v4") || !legacyVersion.MatchString(c.version)
}

func (c *call) classify() string {
	switch {
	case c.area == "objects" && len(c.seg) == 2 && c.seg[1] == "search":
		return ClassSearch
	case c.area == "objects":
		return ClassObjects
	case c.area == "associations" && len(c.seg) >= 3 && c.seg[2] == "batch":
		return ClassAssociations
	case c.area == "oauth":
		return ClassOAuth
	}
	return ClassOther
}

// validates reports whether the version enforces the write validation of
// 2026-09.
func (c *call) validates() bool { return c.version == writeValidation }

// is reports whether method and the path behind the version match, "*"
// standing for any one segment.
func (c *call) is(method string, seg ...string) bool {
	if c.r.Method != method || len(c.seg) != len(seg) {
		return false
	}
	for i, s := range seg {
		if s != "*" && s != c.seg[i] {
			return false
		}
	}
	return true
}

func (c *call) dispatch() answer {
	switch c.area {
	case "objects":
		return c.objects()
	case "associations":
		return c.associations()
	case "schemas":
		return c.schemas()
	case "properties":
		return c.properties()
	case "oauth":
		return c.oauth()
	case "appinstalls":
		return c.uninstall()
	case "callbacks":
		return c.completeCallback()
	}
	return c.account()
}

// noRoute answers a path or method that the area does not have.
func (c *call) noRoute() answer {
	return c.refuse(notFound("No operation of %s answers %s on this path.", c.area, c.r.Method))
}

// decode reads the JSON body.
func (c *call) decode(v any) *refusal {
	if ct := c.r.Header.Get("Content-Type"); !strings.HasPrefix(ct, "application/json") {
		return &refusal{status: http.StatusUnsupportedMediaType, Category: "VALIDATION_ERROR", Message: "Unsupported media type; send application/json."}
	}
	if err := json.Unmarshal(c.body, v); err != nil {
		return invalid("Invalid input JSON on line 1, column 1: %s", firstWords(err.Error(), 200))
	}
	return nil
}

// list reads a query parameter that may be repeated, comma-separated, or both.
func (c *call) list(name string) []string {
	var out []string
	for _, v := range c.query[name] {
		for s := range strings.SplitSeq(v, ",") {
			if s = strings.TrimSpace(s); s != "" {
				out = append(out, s)
			}
		}
	}
	return out
}

func firstWords(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}

// operation names the call for the counters, with record ids and tokens left
// out.
func (c *call) operation() string {
	var b strings.Builder
	b.WriteString(c.r.Method + " " + c.area)
	for i, s := range c.seg {
		b.WriteByte('/')
		t := c.p.byName[s]
		switch {
		case t != nil && (i == 0 || c.area == "associations" && i == 1 || i == 3):
			b.WriteString(t.name)
		case c.area == "oauth" && i == 1 && strings.HasSuffix(c.seg[0], "-tokens"):
			b.WriteString("{token}")
		case strings.Trim(s, "0123456789") == "" || strings.Contains(s, "@") || c.area == "callbacks" && i == 0:
			b.WriteString("{id}")
		default:
			b.WriteString(s)
		}
	}
	return b.String()
}
