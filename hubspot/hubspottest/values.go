package hubspottest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// maxText is the length of a text value in characters.
const maxText = 65_536

// A value is a property value in a request: a string, number or boolean.
type value string

// UnmarshalJSON takes strings, numbers and booleans; null clears like "".
func (v *value) UnmarshalJSON(b []byte) error {
	switch {
	case b[0] == '"' && bytes.IndexByte(b, '\\') < 0 && utf8.Valid(b):
		*v = value(b[1 : len(b)-1]) // nothing to unescape
	case b[0] == '"':
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		*v = value(s)
	case string(b) == "null":
		*v = ""
	case b[0] == '{' || b[0] == '[':
		return errors.New("a property value must be a string")
	default:
		*v = value(b)
	}
	return nil
}

// A problem says why a value is refused.
type problem struct {
	name, message, code string
}

// A warning reports that a value was changed instead of refused.
// https://developers.hubspot.com/docs/api-reference/latest/crm/using-object-apis
type warning struct {
	Category string            `json:"category"`
	Message  string            `json:"message"`
	Context  map[string]string `json:"context"`
}

// checkValue returns the value as HubSpot stores it.
func (c *call) checkValue(pr *property, raw string) (string, *warning, *problem) {
	fail := func(code, format string, args ...any) (string, *warning, *problem) {
		return "", nil, &problem{pr.Name, fmt.Sprintf(format, args...), code}
	}
	if pr.ReadOnly {
		return fail("READ_ONLY_VALUE", "\"%s\" is a read only property; its value cannot be set", pr.Name)
	}
	if raw == "" {
		return "", nil, nil
	}
	switch {
	case pr.email:
		if !plausibleEmail(raw) {
			return fail("INVALID_EMAIL", "Email address %s is invalid", raw)
		}
		return strings.ToLower(strings.TrimSpace(raw)), nil, nil
	case pr.Type == "string" || pr.Type == "phone_number":
		if n := c.p.opt.LengthUnit.count(raw); n > maxText {
			return fail("INVALID_STRING_LENGTH", "Property value for \"%s\" is too long: %d characters, the limit is %d", pr.Name, n, maxText)
		}
	case pr.Type == "number":
		if !plainNumber(raw) {
			return fail("INVALID_INTEGER", "%s was not a valid number", pr.Name)
		}
	case pr.Type == "bool":
		if raw != "true" && raw != "false" {
			return fail("INVALID_BOOLEAN", "%s was not a valid boolean", raw)
		}
	case pr.Type == "enumeration":
		return pr.checkOption(raw)
	case pr.Type == "date" || pr.Type == "datetime":
		return c.checkDate(pr, raw)
	}
	return raw, nil, nil
}

func (u LengthUnit) count(s string) int {
	switch {
	case u == Bytes:
		return len(s)
	case u == UTF16 && len(s) > maxText:
		return len(utf16.Encode([]rune(s)))
	case len(s) <= maxText:
		return 0 // cannot be too long in any unit
	}
	return utf8.RuneCountInString(s)
}

// checkOption compares case-sensitively. Like HubSpot's, the message of a refusal
// repeats every option.
func (pr *property) checkOption(raw string) (string, *warning, *problem) {
	values := []string{raw}
	if pr.FieldType == "checkbox" {
		values = strings.Split(strings.TrimPrefix(raw, ";"), ";")
	}
	opts := pr.options()
	for _, v := range values {
		if slices.ContainsFunc(opts, func(o option) bool { return o.Value == v }) {
			continue
		}
		var b strings.Builder
		for i, o := range opts {
			if i > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "label: \"%s\"\nvalue: \"%s\"\ndisplay_order: %d\nhidden: %t\n", o.Label, o.Value, o.DisplayOrder, o.Hidden)
		}
		return "", nil, &problem{pr.Name, fmt.Sprintf("%s was not one of the allowed options: [%s]", v, b.String()), "INVALID_OPTION"}
	}
	return raw, nil, nil
}

// checkDate accepts ISO 8601 and milliseconds since the epoch. From 2026-09 on,
// unusual dates are normalised and reported instead of refused.
func (c *call) checkDate(pr *property, raw string) (string, *warning, *problem) {
	at, odd, ok := parseDate(raw)
	day := pr.Type == "date"
	midnight := at.Truncate(24 * time.Hour)
	if day && ok {
		odd = odd || !at.Equal(midnight) || strings.Contains(raw, "T")
		at = midnight
	}
	if !ok || odd && !c.validates() {
		return "", nil, &problem{pr.Name, fmt.Sprintf("%s was not a valid date.", raw), "INVALID_DATE"}
	}
	stored := at.UTC().Format("2006-01-02T15:04:05.000Z")
	if day {
		stored = at.UTC().Format(time.DateOnly)
	}
	if !odd {
		return stored, nil, nil
	}
	return stored, &warning{
		Category: "PROPERTY_VALUE_NORMALIZED",
		Message:  "The value of " + pr.Name + " was normalized.",
		Context:  map[string]string{"propertyName": pr.Name, "rawValue": raw, "normalizedValue": stored},
	}, nil
}

// parseDate reports whether the text can be read as a moment, and whether it
// is odd: in seconds, or without a zone.
func parseDate(raw string) (at time.Time, odd, ok bool) {
	if n, err := strconv.ParseInt(raw, 10, 64); err == nil {
		if len(strings.TrimPrefix(raw, "-")) <= 10 && n != 0 && n%86_400_000 != 0 {
			return time.Unix(n, 0).UTC(), true, true
		}
		return time.UnixMilli(n).UTC(), false, true
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", time.DateOnly} {
		if t, err := time.Parse(layout, raw); err == nil {
			return t.UTC(), false, true
		}
	}
	if t, err := time.Parse("2006-01-02T15:04:05.999999999", raw); err == nil {
		return t.UTC(), true, true
	}
	return time.Time{}, false, false
}

// plainNumber accepts digits with at most one decimal point and a sign.
func plainNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	whole, frac, _ := strings.Cut(s, ".")
	digits := func(s string) bool { return strings.Trim(s, "0123456789") == "" }
	return whole+frac != "" && digits(whole) && digits(frac)
}

// plausibleEmail is as strict as a form field: one @, a dotted domain, no
// blanks or separators.
func plausibleEmail(s string) bool {
	local, domain, ok := strings.Cut(strings.TrimSpace(s), "@")
	if !ok || local == "" || len(s) > 254 || strings.ContainsAny(s, " \t\r\n,;<>()[]\"\\") || strings.Contains(domain, "@") {
		return false
	}
	dot := strings.LastIndexByte(domain, '.')
	return dot > 0 && dot < len(domain)-2 && !strings.Contains(domain, "..") && domain[0] != '.' && domain[0] != '-' &&
		!strings.HasPrefix(local, ".") && !strings.HasSuffix(local, ".")
}

// notValid refuses a record because of its values: as JSON inside the message,
// and again in errors.
func (c *call) notValid(problems []problem) *refusal {
	type entry struct {
		IsValid   bool   `json:"isValid"`
		Message   string `json:"message"`
		Error     string `json:"error"`
		Name      string `json:"name"`
		Localized string `json:"localizedErrorMessage"`
		PortalID  int64  `json:"portalId"`
	}
	entries := make([]entry, 0, len(problems))
	var details []detail
	for _, pb := range problems {
		entries = append(entries, entry{Message: pb.message, Error: pb.code, Name: pb.name, Localized: pb.message, PortalID: c.p.opt.ID})
		details = append(details, detail{Message: pb.message, Code: pb.code, Context: map[string][]string{"propertyName": {pb.name}}})
	}
	text, err := json.Marshal(entries)
	if err != nil {
		panic(fmt.Sprintf("hubspottest: %v", err)) // strings and numbers always encode
	}
	r := invalid("Property values were not valid: %s", text)
	r.Errors = details
	return r
}
