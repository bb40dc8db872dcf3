package hubspottest

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// A refusal is an error answer, or one entry of a batch answer's errors list.
// https://developers.hubspot.com/docs/api-reference/error-handling
type refusal struct {
	status        int
	Status        string              `json:"status"`
	Error         string              `json:"error,omitempty"`
	Message       string              `json:"message"`
	CorrelationID string              `json:"correlationId,omitempty"`
	Category      string              `json:"category,omitempty"`
	SubCategory   string              `json:"subCategory,omitempty"`
	ErrorType     string              `json:"errorType,omitempty"`
	PolicyName    string              `json:"policyName,omitempty"`
	Context       map[string][]string `json:"context,omitempty"`
	Errors        []detail            `json:"errors,omitempty"`
	Links         map[string]string   `json:"links,omitempty"`

	rule bool // an admin's rule refused it; batch items keep Errors
}

// A detail is one entry of a refusal's errors list.
type detail struct {
	Message string              `json:"message"`
	Code    string              `json:"code,omitempty"`
	In      string              `json:"in,omitempty"`
	Context map[string][]string `json:"context,omitempty"`
}

func invalid(format string, args ...any) *refusal {
	return &refusal{status: http.StatusBadRequest, Category: "VALIDATION_ERROR", Message: fmt.Sprintf(format, args...)}
}

func notFound(format string, args ...any) *refusal {
	return &refusal{status: http.StatusNotFound, Category: "OBJECT_NOT_FOUND", Message: fmt.Sprintf(format, args...)}
}

func conflict(sub, format string, args ...any) *refusal {
	return &refusal{status: http.StatusConflict, Category: "OBJECT_ALREADY_EXISTS", SubCategory: sub, Message: fmt.Sprintf(format, args...)}
}

func missingObject() *refusal {
	return notFound("Object not found.  objectId are usually numeric.")
}

func unauthenticated() *refusal {
	return &refusal{
		status: http.StatusUnauthorized, Category: "INVALID_AUTHENTICATION",
		Message: "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview",
	}
}

func missingScopes(scopes ...string) *refusal {
	return &refusal{
		status: http.StatusForbidden, Category: "MISSING_SCOPES",
		Message: "This app hasn't been granted all required scopes to make this call. Read more about required scopes here: https://developers.hubspot.com/scopes.",
		Errors: []detail{{
			Message: "One or more of the following scopes are required.",
			Context: map[string][]string{"requiredGranularScopes": scopes},
		}},
		Links: map[string]string{"scopes": "https://developers.hubspot.com/scopes"},
	}
}

// refuse turns a refusal into the answer of the whole request.
func (c *call) refuse(r *refusal) answer {
	r.Status = "error"
	r.CorrelationID = c.correlation
	return c.json(r.status, r)
}

// item turns a refusal into an entry of a batch answer. There, value errors have
// only their message, as seen in recordings.
func (r *refusal) item(key string, values ...string) *refusal {
	i := *r
	i.Status = "error"
	i.CorrelationID = ""
	if !i.rule {
		i.Errors = nil
	}
	ctx := make(map[string][]string, len(r.Context)+1)
	for k, v := range r.Context {
		ctx[k] = v
	}
	if len(values) > 0 {
		ctx[key] = values
	}
	i.Context = ctx
	return &i
}

func (c *call) json(status int, v any) answer {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("hubspottest: an answer that cannot be encoded: %v", err)) // a bug here, never the caller's
	}
	return answer{status: status, body: b}
}
