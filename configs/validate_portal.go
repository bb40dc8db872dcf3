package configs

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

var (
	// apiVersion matches HubSpot's date versions:
	// https://developers.hubspot.com/docs/developer-tooling/platform/versioning
	apiVersion = regexp.MustCompile(`^20\d\d-(0[1-9]|1[0-2])$`)
	// objectName is HubSpot's rule for names of custom objects.
	objectName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)
	headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$") // RFC 9110 §5.1
	mailbox    = regexp.MustCompile(`^[^@\s]+@[^@\s]+$`)
)

func (r *report) portals(c *Config) {
	if len(c.Portals) == 0 {
		r.add("portals", "missing", "describe at least one portal, as in config.example.yaml")
	}
	for i, p := range c.Portals {
		at := fmt.Sprintf("portals[%d]", i)
		r.name(at+".name", p.Name, "portals", i, func(i int) string { return c.Portals[i].Name })
		r.hubspot(at+".hubspot", p.HubSpot, c)
		r.associations(at+".associations", p.Associations)
		r.thnks(at+".thnks", p.Thnks)
		r.webhooks(at+".webhooks", p.Webhooks)
		if p.Sending != nil {
			r.sending(at+".sending", *p.Sending, p.Thnks)
		}
		r.triggers(at+".triggers", p)
	}
	r.bindings(c)
}

func (r *report) hubspot(at string, h HubSpot, c *Config) {
	r.url(at+".base_url", h.BaseURL)
	if !apiVersion.MatchString(h.APIVersion) {
		r.add(at+".api_version", "not a version of HubSpot's API", "write year and month, such as 2026-09")
	}
	if h.AccountID < 0 {
		r.add(at+".account_id", "negative", "copy the id from HubSpot's account menu, or remove the key")
	}
	if h.RequestsPer10s < 0 {
		r.add(at+".requests_per_10s", "negative", "use 0 to follow HubSpot's own limit, or a positive cap")
	}
	r.exactlyOne(at, "app", h.App != "", "token_file", h.TokenFile != "")
	if h.TokenFile != "" {
		r.file(at+".token_file", h.TokenFile)
	}
	if h.App != "" {
		r.oauth(at, h, c)
	}
	if !objectName.MatchString(h.Object.Name) {
		r.add(at+".object.name", "not a name that HubSpot allows", "use letters, digits and underscores, a letter first")
	}
	r.required(at+".object.singular", h.Object.Singular)
	r.required(at+".object.plural", h.Object.Plural)
	r.leaveOut(at+".leave_out", h.LeaveOut)
}

// neededProperties are those by which a record is known and shown, and without
// which the sync could not tell what to do.
var neededProperties = []string{"thnks_transaction_id", "gift_name", "status"}

// leaveOut checks the names of the properties that get no value.
func (r *report) leaveOut(at string, names []string) {
	for i, name := range names {
		at := fmt.Sprintf("%s[%d]", at, i)
		switch {
		case slices.Contains(neededProperties, name):
			r.add(at, name+" cannot be left out", "leave it out of the list: a record is nothing without it")
		case slices.Contains([]string{"hubspot_owner_id", "created_at", "updated_at"}, name) || !slices.Contains(csvKeys, name) && !slices.Contains(eventProperties, name):
			r.add(at, "no property of the records", "use names such as message, recipient_name, recipient_phone")
		case slices.Contains(names[:i], name):
			r.add(at, "listed twice", "list it once")
		}
	}
}

// oauth checks what a portal that connects through an app needs.
func (r *report) oauth(at string, h HubSpot, c *Config) {
	if !slices.ContainsFunc(c.HubSpotApps, func(a App) bool { return a.Name == h.App }) {
		r.add(at+".app", "no such app", "use a name from hubspot_apps")
	}
	if h.AccountID == 0 {
		r.add(at+".account_id", "missing", "give the portal's id, which OAuth checks the grant against")
	}
	if c.PublicURL == "" {
		r.add("public_url", "missing", "say how HubSpot reaches this program, which OAuth needs")
	}
	if c.MasterKeyFile == "" {
		r.add("master_key_file", "missing", "name the file with the key that seals OAuth tokens")
	}
}

// exactlyOne reports two keys that exclude each other, if both or neither
// are given.
func (r *report) exactlyOne(at, a string, hasA bool, b string, hasB bool) {
	switch {
	case hasA && hasB:
		r.add(at, "has both "+a+" and "+b, "keep exactly one of the two")
	case !hasA && !hasB && !r.broken[join(at, a)] && !r.broken[join(at, b)]:
		r.add(at, "has neither "+a+" nor "+b, "give exactly one of the two")
	}
}

func (r *report) associations(at string, a Associations) {
	r.oneOf(at+".companies", a.Companies, CompaniesPrimary, CompaniesNone)
	if a.Deals.Max < 1 {
		r.add(at+".deals.max", "less than 1", "give the largest number of deals that a gift is linked to")
	}
}

func (r *report) thnks(at string, t Thnks) {
	r.url(at+".base_url", t.BaseURL)
	if exports := t.CSV.Columns != nil; !exports || t.APIKeyFile != "" || len(t.Keys) > 0 {
		r.exactlyOne(at, "api_key_file", t.APIKeyFile != "", "keys", len(t.Keys) > 0)
	}
	if t.APIKeyFile != "" {
		r.file(at+".api_key_file", t.APIKeyFile)
	}
	for i, key := range t.Keys {
		at := fmt.Sprintf("%s.keys[%d]", at, i)
		if !mailbox.MatchString(key.Sender) {
			r.add(at+".sender", "not an e-mail address", "give the address that this key sends as")
		}
		for j := range i {
			if strings.EqualFold(t.Keys[j].Sender, key.Sender) {
				r.add(at+".sender", fmt.Sprintf("the same sender as keys[%d]", j), "keep one key for each sender")
				break
			}
		}
		r.file(at+".api_key_file", key.APIKeyFile)
	}
	if t.RequestsPerSecond < 1 {
		r.add(at+".requests_per_second", "less than 1", "give the number of calls a second that one key may make, or remove the key for 10")
	}
	r.dialect(at+".dialect", t.Dialect)
	r.csv(at+".csv", t.CSV.Columns)
	if t.CSV.Decimal != "" {
		r.oneOf(at+".csv.decimal", t.CSV.Decimal, ".", ",")
	}
	r.nothing(at+".csv.nothing", t.CSV.Nothing)
}

// csvKeys are the fields that a column can be named for.
var csvKeys = []string{
	"thnks_transaction_id", "gift_name", "gift_type", "gift_amount", "gift_currency",
	"sender_name", "sender_email", "recipient_name", "recipient_email", "recipient_phone",
	"status", "message",
	"scheduled_date", "sent_date", "delivered_date", "opened_date", "redeemed_date",
	"refunded_date", "expired_date", "undelivered_date", "donated_date",
	"tracking_url", "created_at", "updated_at",
}

// csv checks the names of columns. Whether a file has them is checked when it
// is read.
func (r *report) csv(at string, columns map[string]string) {
	keys := slices.Sorted(maps.Keys(columns))
	for i, key := range keys {
		if !slices.Contains(csvKeys, key) {
			remedy := "remove it, or use a key of config.example.yaml"
			if meant := suggest(key, append(keysOf(reflect.TypeFor[CSV]())[1:], csvKeys...)); meant != "" {
				remedy = "did you mean " + meant + "?"
			}
			r.add(join(at, printable(key)), "unknown key", remedy)
			continue
		}
		column := strings.TrimSpace(columns[key])
		if column == "" {
			r.add(join(at, key), "missing", "name a column of the export, or remove the key")
			continue
		}
		for _, other := range keys[:i] {
			if strings.EqualFold(strings.TrimSpace(columns[other]), column) {
				r.add(join(at, key), "the same column as "+printable(other), "name a column for each")
				break
			}
		}
	}
}

func (r *report) webhooks(at string, w Webhooks) {
	if w.GiftEvents != nil {
		r.giftEvents(at+".gift-events", *w.GiftEvents)
	}
	if w.Thyngs != nil {
		r.files(at+".thyngs.token_files", w.Thyngs.TokenFiles)
	}
	if w.ZohoThrive != nil {
		r.header(at+".zoho-thrive.header", w.ZohoThrive.Header)
		r.files(at+".zoho-thrive.token_files", w.ZohoThrive.TokenFiles)
	}
}

// giftEvents checks that the settings of the scheme are present, and those of
// other schemes absent.
func (r *report) giftEvents(at string, g GiftEvents) {
	switch g.Scheme {
	case SchemeStandard:
		r.files(at+".secret_files", g.SecretFiles)
	case SchemeHMAC:
		r.files(at+".secret_files", g.SecretFiles)
		r.header(at+".header", g.Header)
		r.oneOf(at+".algorithm", g.Algorithm, "sha256")
		r.oneOf(at+".encoding", g.Encoding, "hex", "base64")
		if g.TimestampHeader != "" {
			r.header(at+".timestamp_header", g.TimestampHeader)
		}
	case SchemeToken:
		r.files(at+".token_files", g.TokenFiles)
		r.header(at+".header", g.Header)
	default:
		r.oneOf(at+".scheme", g.Scheme, SchemeStandard, SchemeHMAC, SchemeToken)
		return
	}
	for i, key := range g.MetadataKeys {
		r.required(fmt.Sprintf("%s.metadata_keys[%d]", at, i), key)
	}
	r.metadataProperties(at+".metadata_properties", g.MetadataProperties)
	for _, s := range []struct {
		key     string
		given   bool
		schemes string
	}{
		{"header", g.Header != "", SchemeHMAC + " " + SchemeToken},
		{"algorithm", g.Algorithm != "", SchemeHMAC},
		{"encoding", g.Encoding != "", SchemeHMAC},
		{"prefix", g.Prefix != "", SchemeHMAC},
		{"timestamp_header", g.TimestampHeader != "", SchemeHMAC},
		{"secret_files", len(g.SecretFiles) > 0, SchemeStandard + " " + SchemeHMAC},
		{"token_files", len(g.TokenFiles) > 0, SchemeToken},
	} {
		if s.given && !slices.Contains(strings.Fields(s.schemes), g.Scheme) {
			r.add(at+"."+s.key, "has no meaning in the scheme "+g.Scheme, "remove the key")
		}
	}
}

// propertyName is HubSpot's rule for the internal name of a property:
// https://developers.hubspot.com/docs/api-reference/latest/crm/properties/guide.
var propertyName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,99}$`)

// eventProperties are the properties that events fill, and HubSpot's own, beside
// those that a column can be named for.
var eventProperties = []string{"status_raw", "parcel_status", "parcel_status_date", "thank_you_note", "hubspot_owner_id"}

// metadataProperties checks the names of the properties that metadata goes into.
func (r *report) metadataProperties(at string, properties map[string]string) {
	keys := slices.Sorted(maps.Keys(properties))
	for i, key := range keys {
		name := properties[key]
		at := join(at, printable(key))
		switch {
		case strings.TrimSpace(key) == "":
			r.add(at, "no key", "name the key of the metadata")
		case !propertyName.MatchString(name):
			r.add(at, "not a name that HubSpot allows for a property", "use lower-case letters, digits and underscores, a letter first, at most 100")
		case slices.Contains(csvKeys, name) || slices.Contains(eventProperties, name):
			r.add(at, name+" is a property of every gift", "choose another name")
		case strings.HasPrefix(name, "hs_") || strings.HasPrefix(name, "hubspot_"):
			r.add(at, "HubSpot keeps names that begin so for itself", "choose another name")
		default:
			for _, other := range keys[:i] {
				if properties[other] == name {
					r.add(at, "the same property as "+printable(other), "name a property for each")
					break
				}
			}
		}
	}
}

func (r *report) header(key, value string) {
	if !headerName.MatchString(value) {
		r.add(key, "missing or not the name of a header", "write it like X-Signature")
	}
}
