package configs

import (
	"log/slog"
	"net/netip"
	"time"
)

// A Config is a whole configuration file, with defaults filled in.
type Config struct {
	// StateDir holds one state file per portal and the admin socket. The file
	// may give it relative to its own folder; [Load] makes it absolute.
	StateDir string `yaml:"state_dir"`
	// Listen is the host:port of the public side.
	Listen string `yaml:"listen"`
	// PublicURL is how the outside reaches Listen; required with OAuth.
	PublicURL string `yaml:"public_url"`
	// TrustedProxies are the peers whose X-Forwarded-For is used.
	TrustedProxies []netip.Prefix `yaml:"trusted_proxies"`
	// AdminListen is the host:port of the private, read-only side.
	AdminListen string `yaml:"admin_listen"`
	// AdminTokenFile names the token that shows recipients in the statistics;
	// "" masks them always.
	AdminTokenFile string `yaml:"admin_token_file"`
	// MasterKeyFile names the key that seals OAuth tokens at rest; see
	// [Config.ReadMasterKeys].
	MasterKeyFile string `yaml:"master_key_file"`
	// Schedule is when the daemon runs, in UTC; see [ParseSchedule].
	Schedule string `yaml:"schedule"`
	// RunsAtOnce is how many portals' runs work at the same time; 0 means twice
	// the processors.
	RunsAtOnce int `yaml:"runs_at_once"`
	Log        Log `yaml:"log"`
	// Notices say who gets notices about the portals.
	Notices Notices `yaml:"notices"`
	// HubSpotApps are the OAuth apps that portals may connect through.
	HubSpotApps []App    `yaml:"hubspot_apps"`
	Portals     []Portal `yaml:"portals"`

	file  string         // the name of the file, as given to [Load]
	dir   string         // its folder; relative file names start there
	lines map[string]int // key path → line
}

// Log says what is logged and how.
type Log struct {
	Level  slog.Level `yaml:"level"`  // debug, info, warn or error
	Format string     `yaml:"format"` // LogAuto or LogJSON
}

// The values of [Log.Format].
const (
	LogAuto = "auto" // coloured on a terminal, plain text otherwise
	LogJSON = "json"
)

// An App is a HubSpot OAuth app. Portals connect through it, and its client
// secret signs what HubSpot sends to us.
type App struct {
	Name             string `yaml:"name"`
	AppID            int64  `yaml:"app_id"`
	ClientID         string `yaml:"client_id"`
	ClientSecretFile string `yaml:"client_secret_file"`
	AuthorizeURL     string `yaml:"authorize_url"` // HubSpot's page on which an admin grants access
	// PKCE ties a grant to the request that it answers (RFC 7636). HubSpot does
	// not document that it takes this.
	PKCE bool `yaml:"pkce"`
}

// A Portal is one organisation: a HubSpot account and its Thnks keys.
type Portal struct {
	// Name names the state file. No two differ only in case.
	Name string `yaml:"name"`
	// TimeZone is used for month borders and for times without a zone. Nil
	// means the time zone of the HubSpot account.
	TimeZone     *time.Location `yaml:"time_zone"`
	HubSpot      HubSpot        `yaml:"hubspot"`
	Associations Associations   `yaml:"associations"`
	Statistics   Statistics     `yaml:"statistics"`
	Thnks        Thnks          `yaml:"thnks"`
	Webhooks     Webhooks       `yaml:"webhooks"`
	Sending      *Sending       `yaml:"sending"` // nil: nothing is ever sent
	Triggers     []Trigger      `yaml:"triggers"`
}

// HubSpot says how to reach a portal's HubSpot account. Exactly one of App
// and TokenFile is set.
type HubSpot struct {
	BaseURL    string `yaml:"base_url"`
	APIVersion string `yaml:"api_version"`
	AccountID  int64  `yaml:"account_id"` // 0: taken from the first call
	App        string `yaml:"app"`        // name of an [App]
	TokenFile  string `yaml:"token_file"`
	// RequestsPer10s caps the rate of calls; 0 follows HubSpot's own headers.
	RequestsPer10s int    `yaml:"requests_per_10s"`
	Object         Object `yaml:"object"`
	// LeaveOut are properties of the records that get no value. What they had is
	// blanked when the record is next written.
	LeaveOut []string `yaml:"leave_out"`
}

// Object is the name of the custom object and its labels in HubSpot.
type Object struct {
	Name     string `yaml:"name"`
	Singular string `yaml:"singular"`
	Plural   string `yaml:"plural"`
}

// Associations say what gifts are linked to in addition to their contact.
type Associations struct {
	Companies string `yaml:"companies"` // CompaniesPrimary or CompaniesNone
	Deals     Deals  `yaml:"deals"`
}

// The values of [Associations.Companies].
const (
	CompaniesPrimary = "primary" // the contact's primary company
	CompaniesNone    = "none"
)

// Statistics say what is read for the statistics alone.
type Statistics struct {
	// DailyListing lists all deals and the recipients' companies once a day.
	DailyListing bool `yaml:"daily_listing"`
}

// Deals say which of a contact's open deals a gift is linked to.
type Deals struct {
	// Label, if set, limits the deals to those that are associated with the
	// contact under this label.
	Label string `yaml:"label"`
	// Max is the largest number of deals for one gift.
	Max int `yaml:"max"`
	// Lookback is how long after its sending a gift can get further deals.
	Lookback Duration `yaml:"lookback"`
}

// Thnks says how to reach a portal's Thnks account. Exactly one of APIKeyFile
// and Keys is set. With CSV both may be empty: the portal is then synced from
// export files alone.
type Thnks struct {
	BaseURL    string     `yaml:"base_url"`
	APIKeyFile string     `yaml:"api_key_file"`
	Keys       []ThnksKey `yaml:"keys"`
	// RequestsPerSecond is the largest rate of calls with one key.
	RequestsPerSecond int     `yaml:"requests_per_second"`
	Dialect           Dialect `yaml:"dialect"`
	CSV               CSV     `yaml:"csv"`
}

// CSV says how export files are read.
type CSV struct {
	// Columns maps fields to columns of the files. A field is the name of a
	// gift's property in HubSpot, or created_at or updated_at. A field that is
	// absent is read from the column of its label or of its own name. Nil if
	// the configuration has no csv group.
	Columns map[string]string `yaml:",inline"`
	// Decimal is the sign before the decimals of an amount, if the file leaves
	// that open: "." or ","; "" if the settings leave it open, too.
	Decimal string `yaml:"decimal"`
	// Nothing are the words that stand for an empty date, amount or currency;
	// nil for the default of package export.
	Nothing []string `yaml:"nothing"`
}

// A ThnksKey is an API key that sees one sender's transactions.
type ThnksKey struct {
	Sender     string `yaml:"sender"` // e-mail address
	APIKeyFile string `yaml:"api_key_file"`
}

// Webhooks are the event sources of a portal; nil ones do not exist.
type Webhooks struct {
	GiftEvents *GiftEvents `yaml:"gift-events"`
	Thyngs     *TokenHook  `yaml:"thyngs"`
	ZohoThrive *HeaderHook `yaml:"zoho-thrive"`
}

// GiftEvents says how gift webhook events prove where they come from. The
// scheme decides which of the other settings apply.
type GiftEvents struct {
	Scheme          string   `yaml:"scheme"` // SchemeStandard, SchemeHMAC or SchemeToken; no default
	Header          string   `yaml:"header"`
	Algorithm       string   `yaml:"algorithm"` // sha256
	Encoding        string   `yaml:"encoding"`  // hex or base64
	Prefix          string   `yaml:"prefix"`
	TimestampHeader string   `yaml:"timestamp_header"`
	SecretFiles     []string `yaml:"secret_files"` // several while one is being replaced
	TokenFiles      []string `yaml:"token_files"`
	// CompanyID, if set, is the company that every event must name.
	CompanyID string `yaml:"company_id"`
	// MetadataKeys are the keys of an event's metadata whose values are
	// transaction ids, for senders whose gift ids are not.
	MetadataKeys []string `yaml:"metadata_keys"`
	// MetadataProperties maps keys of an event's metadata to properties of the
	// custom object that their values are copied into.
	MetadataProperties map[string]string `yaml:"metadata_properties"`
}

// The values of [GiftEvents.Scheme].
const (
	SchemeStandard = "standard" // standardwebhooks.com
	SchemeHMAC     = "hmac"     // a digest of the body in a header
	SchemeToken    = "token"    // a fixed token in a header; events are only hints
)

// A TokenHook is a source that sends a fixed token as authorisation.
type TokenHook struct {
	TokenFiles []string `yaml:"token_files"`
}

// A HeaderHook is a source that sends a fixed token in a header of our choice.
type HeaderHook struct {
	Header     string   `yaml:"header"`
	TokenFiles []string `yaml:"token_files"`
}

// Default returns the configuration of an empty file. It has no portal, which
// [Config.Validate] refuses.
func Default() *Config {
	return &Config{
		StateDir:      "/var/lib/thnks-hubspot-sync",
		Listen:        "127.0.0.1:8080",
		AdminListen:   "127.0.0.1:9090",
		MasterKeyFile: "master-key",
		Schedule:      "@hourly",
		Log:           Log{Level: slog.LevelInfo, Format: LogAuto},
	}
}

// DefaultPortal returns a portal with every default filled in. Only its name
// and credentials are missing.
func DefaultPortal() Portal {
	return Portal{
		HubSpot: HubSpot{
			BaseURL:    "https://api.hubapi.com",
			APIVersion: "2026-09",
			Object:     Object{Name: "thnks", Singular: "Thnks", Plural: "Thnks"},
		},
		Associations: Associations{
			Companies: CompaniesPrimary,
			Deals:     Deals{Max: 10, Lookback: Duration(90 * day)},
		},
		Statistics: Statistics{DailyListing: true},
		Thnks:      Thnks{BaseURL: "https://api.thnks.com", RequestsPerSecond: 10},
	}
}

func (a *App) setDefaults() {
	a.AuthorizeURL, a.PKCE = "https://app.hubspot.com/oauth/authorize", true
}

func (p *Portal) setDefaults() { *p = DefaultPortal() }
