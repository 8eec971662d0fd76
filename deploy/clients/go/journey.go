// Command journey uses the suite with a client that oapi-codegen has generated from the OpenAPI
// document: it registers, creates and changes a passport, uploads a document and reads notifications.
package main

import (
	"bytes"
	"context"
	"log"
	"mime/multipart"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/oapi-codegen/nullable"

	"example.com/journey/api"
)

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func check(ok bool, response []byte) {
	if !ok {
		log.Panicf("unexpected response: %s", response)
	}
}

func main() {
	ctx, token := context.Background(), ""
	client := must(api.NewClientWithResponses(os.Getenv("BASE_URL"), api.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+token)
		return nil
	})))
	token = logIn(ctx, client)
	p := createPassport(ctx, client)
	patchPassport(ctx, client, p)
	upload(ctx, client, p)
	awaitNotification(ctx, client)
}

// logIn registers an account and returns its access token. The first account of an installation
// may be an admin.
func logIn(ctx context.Context, client *api.ClientWithResponses) (token string) {
	registered := must(client.RegisterAccountWithResponse(ctx, api.Registration{Email: "ann@nordlicht.example", Password: "correct horse battery", Role: new(api.RegistrationRoleAdmin)}))
	check(registered.JSON201 != nil && registered.JSON201.User.Role == api.AccountSummaryRoleAdmin, registered.Body)
	return must(client.LogInWithResponse(ctx, nil, api.Credentials{Email: "ann@nordlicht.example", Password: "correct horse battery"})).JSON200.Token
}

// createPassport creates a passport, after an attempt with invalid data: the problem names each error.
func createPassport(ctx context.Context, client *api.ClientWithResponses) *api.Passport {
	general := api.GeneralInformationInput{BatteryIdentifier: new("https://nordlicht.example/batteries/1"), BatteryCategory: new(api.GeneralInformationInputBatteryCategoryEV), BatteryMass: new(-1.0)}
	performance := api.PerformanceAndDurabilityInput{RatedCapacityAh: new(0.1), ExpectedLifetimeCycles: new(int64(1500))}
	input := api.PassportInput{Data: api.DataInput{GeneralInformation: &general, PerformanceAndDurability: &performance}}
	created := must(client.CreatePassportWithResponse(ctx, nil, input))
	check(created.ApplicationproblemJSON422 != nil && (*created.ApplicationproblemJSON422.Errors)[0].Path == "/data/generalInformation/batteryMass", created.Body)
	general.BatteryMass = new(123456.789)
	created = must(client.CreatePassportWithResponse(ctx, nil, input))
	check(created.JSON201 != nil && *created.JSON201.Data.GeneralInformation.BatteryMass == 123456.789, created.Body)
	return created.JSON201
}

// patchPassport removes a member with null, changes another one, and finds the passport in a list.
func patchPassport(ctx context.Context, client *api.ClientWithResponses, p *api.Passport) {
	patched := must(client.PatchPassportWithApplicationMergePatchPlusJSONBodyWithResponse(ctx, p.Id, nil, api.PassportPatch{Data: &api.DataPatch{
		GeneralInformation:       nullable.NewNullableWithValue(api.GeneralInformationPatch{BatteryMass: nullable.NewNullNullable[float64]()}),
		PerformanceAndDurability: nullable.NewNullableWithValue(api.PerformanceAndDurabilityPatch{RatedCapacityAh: nullable.NewNullableWithValue(94.5)}),
	}}))
	check(patched.JSON200 != nil && patched.JSON200.Data.GeneralInformation.BatteryMass == nil, patched.Body)
	check(*patched.JSON200.Data.PerformanceAndDurability.RatedCapacityAh == 94.5 && *patched.JSON200.Data.PerformanceAndDurability.ExpectedLifetimeCycles == 1500, patched.Body)

	list := must(client.ListPassportsWithResponse(ctx, &api.ListPassportsParams{BatteryCategory: new(api.ListPassportsParamsBatteryCategoryEV)}))
	check(list.JSON200 != nil && len(list.JSON200.Items) == 1 && list.JSON200.Items[0].Id == p.Id && *list.JSON200.Items[0].Version == 2, list.Body)
}

// upload uploads a document of the passport.
func upload(ctx context.Context, client *api.ClientWithResponses, p *api.Passport) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	must(must(form.CreateFormFile("file", "torque.txt")).Write([]byte("torque 12 Nm\n")))
	check(form.WriteField("passportId", p.Id.String()) == nil && form.WriteField("kind", "log") == nil && form.Close() == nil, nil)
	uploaded := must(client.UploadDocumentWithBodyWithResponse(ctx, nil, form.FormDataContentType(), &body))
	check(uploaded.JSON201 != nil && uploaded.JSON201.FileSize == 13 && uploaded.JSON201.Kind == "log" && *uploaded.JSON201.PassportId == p.Id, uploaded.Body)
}

// awaitNotification waits for the notification of the creation, which follows soon after the event.
func awaitNotification(ctx context.Context, client *api.ClientWithResponses) {
	isCreated := func(n api.Notification) bool { return n.EventType == "passport.created" }
	for i := 0; !slices.ContainsFunc(must(client.ListNotificationsWithResponse(ctx, nil)).JSON200.Items, isCreated); i++ {
		check(i < 100, []byte("no notification passport.created"))
		time.Sleep(100 * time.Millisecond)
	}
}
