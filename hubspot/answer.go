package hubspot

import (
	"encoding/json"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"
)

const maxMessage = 1 << 10 // bytes of an error's message

const (
	statusLocked    = http.StatusLocked // the account is locked for 2 s
	statusMigrating = 477               // HubSpot's own
)

// The policies of a rate limit that we treat differently.
const (
	policyDaily       = "DAILY"
	policySecondly    = "SECONDLY"
	policyTenSecondly = "TEN_SECONDLY_ROLLING"
)

// kindOf returns the kind of a status other than a success.
func kindOf(status int, policy string) Kind {
	switch {
	case status == http.StatusTooManyRequests && policy == policyDaily:
		return Daily
	case status == http.StatusTooManyRequests:
		return Limited
	case status == statusMigrating:
		return Migrating
	case status == statusLocked, status >= 500:
		return Transient
	case status == http.StatusUnauthorized:
		return Unauthorised
	case status == http.StatusForbidden:
		return Forbidden
	case status == http.StatusNotFound:
		return NotFound
	case status >= 400:
		return Refused
	}
	return Unexpected
}

// fromElsewhere reports whether a refusal was sent by something between here and
// HubSpot: a proxy, a firewall, a login page. HubSpot's are JSON. Those of status
// 403 must have a mark of HubSpot's besides, because firewalls forbid with JSON,
// too. Some statuses mean the same from any server: the request is too long or
// of a wrong type, or it comes too often.
func (b *errorBody) fromElsewhere(status int, body []byte) bool {
	switch status {
	case http.StatusForbidden:
		return b.Status != "error" && b.Category == "" && b.CorrelationID == "" && len(b.Context) == 0
	case http.StatusRequestEntityTooLarge, http.StatusRequestURITooLong, http.StatusUnsupportedMediaType,
		http.StatusRequestHeaderFieldsTooLarge, http.StatusTooManyRequests, statusLocked, statusMigrating:
		return false
	}
	return status/100 == 4 && len(body) > 0 && !json.Valid(body)
}

// errorBody is the body of an error answer. Every field is optional.
type errorBody struct {
	itemError
	Status        text `json:"status"`
	CorrelationID text `json:"correlationId"`
	PolicyName    text `json:"policyName"`
	ErrorType     text `json:"errorType"`
}

// answerError returns the error of an answer other than a success. Bodies that
// are not JSON, such as a gateway's HTML page, are ignored.
func answerError(call *Call, h http.Header, body []byte) *Error {
	var b errorBody
	if isJSON(h, body) {
		// Fields of an unexpected type stay empty: the status decides.
		_ = json.Unmarshal(body, &b)
	}
	e := b.err(call)
	if e.CorrelationID == "" {
		e.CorrelationID = correlation(string(b.CorrelationID))
		call.CorrelationID = e.CorrelationID
	}
	if scopes := scopeNames(b.Context["requiredGranularScopes"]); len(scopes) > 0 {
		e.Details = append(e.Details, Detail{Scopes: scopes})
	}
	if call.Status == http.StatusTooManyRequests {
		e.Policy = b.policy()
	}
	e.Kind = kindOf(call.Status, e.Policy)
	if b.fromElsewhere(call.Status, body) {
		e = unexpected(call) // without foreign words
		e.Kind, e.Err = Transient, errBlocked
	}
	return e
}

// policy returns the policy of a 429: that of the first field that names one,
// else the general limit.
func (b *errorBody) policy() string {
	for _, field := range []text{b.PolicyName, b.ErrorType, b.Category, b.Message} {
		s := strings.ToUpper(string(field))
		switch {
		case strings.Contains(s, "TEN_SECONDLY"):
			return policyTenSecondly
		case strings.Contains(s, policySecondly):
			return policySecondly
		case strings.Contains(s, policyDaily):
			return policyDaily
		}
	}
	if b.PolicyName != "" {
		return code(string(b.PolicyName))
	}
	return policyTenSecondly
}

// isJSON reports whether the body may be read as JSON.
func isJSON(h http.Header, body []byte) bool {
	if media, _, _ := mime.ParseMediaType(h.Get("Content-Type")); media != "" && !strings.HasSuffix(media, "json") {
		return false
	}
	return checkSize(body, 0) == nil
}

// bounded cuts a message to maxMessage bytes, between two runes.
func bounded(s string) string {
	if len(s) <= maxMessage {
		return s
	}
	end := maxMessage
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}
