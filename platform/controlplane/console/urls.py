from django.db.transaction import non_atomic_requests
from django.urls import path

from controlplane.console.views import (
    api_keys,
    conversations,
    documents,
    feedback,
    hit_testing,
    home,
    jobs,
    knowledge,
    language,
    people,
    people_lists,
    sign_in,
    versions,
)

app_name = "console"

urlpatterns = [
    path("", home.OverviewPage.as_view(), name="overview"),
    path("usage/", home.UsagePage.as_view(), name="usage"),
    path("conversations/", conversations.Conversations.as_view(), name="conversations"),
    path(
        "conversations/<uuid:conversation_id>/",
        conversations.ConversationDetail.as_view(),
        name="conversation",
    ),
    path("feedback/", feedback.FeedbackQueue.as_view(), name="feedback"),
    path("feedback/<uuid:feedback_id>", feedback.FeedbackDecide.as_view(), name="feedback-decide"),
    path("people/", people.People.as_view(), name="people"),
    path("people/add", people.PersonAdd.as_view(), name="person-add"),
    path("people/import", people_lists.PeopleImport.as_view(), name="people-import"),
    path("people/import/take-over", people_lists.PeopleTakeOver.as_view(), name="people-take-over"),
    path("people/export", people_lists.PeopleExport.as_view(), name="people-export"),
    path("people/<uuid:user_id>/", people.Person.as_view(), name="person"),
    path("people/<uuid:user_id>/join", people.PersonJoin.as_view(), name="person-join"),
    path("people/<uuid:user_id>/account", people.PersonAccount.as_view(), name="person-account"),
    path("people/<uuid:user_id>/password", people.PersonPassword.as_view(), name="person-password"),
    path(
        "people/<uuid:user_id>/memberships/<uuid:membership_id>",
        people.PersonMembership.as_view(),
        name="person-membership",
    ),
    path("api-keys/", api_keys.ApiKeys.as_view(), name="api-keys"),
    path("api-keys/add", api_keys.ApiKeyAdd.as_view(), name="api-key-add"),
    path("api-keys/<uuid:key_id>/revoke", api_keys.ApiKeyRevoke.as_view(), name="api-key-revoke"),
    # Without a transaction around them: see identity.sign_in.
    path("sign-in", non_atomic_requests(sign_in.SignIn.as_view()), name="sign-in"),
    path("sign-out", non_atomic_requests(sign_in.SignOut.as_view()), name="sign-out"),
    path("password", non_atomic_requests(sign_in.Password.as_view()), name="password"),
    path("language", language.choose, name="language"),
    path("knowledge/", knowledge.Bases.as_view(), name="knowledge"),
    path("knowledge/new", knowledge.BaseNew.as_view(), name="base-new"),
    path("knowledge/<uuid:base_id>/", documents.BaseDocuments.as_view(), name="base"),
    path("knowledge/<uuid:base_id>/settings", knowledge.BaseSettings.as_view(), name="base-settings"),
    path("knowledge/<uuid:base_id>/delete", knowledge.BaseDelete.as_view(), name="base-delete"),
    path("knowledge/<uuid:base_id>/reindex", knowledge.BaseReindex.as_view(), name="base-reindex"),
    path("knowledge/<uuid:base_id>/retry-failed", jobs.RetryFailed.as_view(), name="base-retry"),
    path("documents/<uuid:document_id>/", documents.DocumentSource.as_view(), name="document"),
    path(
        "documents/<uuid:document_id>/settings",
        documents.DocumentSettings.as_view(),
        name="document-settings",
    ),
    path("documents/<uuid:document_id>/delete", documents.DocumentDelete.as_view(), name="document-delete"),
    path("documents/<uuid:document_id>/reindex", versions.DocumentReindex.as_view(), name="document-reindex"),
    path("documents/<uuid:document_id>/versions", versions.Versions.as_view(), name="document-versions"),
    path(
        "documents/<uuid:document_id>/versions/<int:number>/restore",
        versions.VersionRestore.as_view(),
        name="version-restore",
    ),
    path("documents/<uuid:document_id>/jobs", jobs.DocumentJobs.as_view(), name="document-jobs"),
    path("jobs/", jobs.Jobs.as_view(), name="jobs"),
    path("jobs/<uuid:job_id>/cancel", jobs.JobCancel.as_view(), name="job-cancel"),
    path("jobs/<uuid:job_id>/retry", jobs.JobRetry.as_view(), name="job-retry"),
    # The search opens short transactions of its own: none is open while the question is embedded.
    path("hit-testing/", non_atomic_requests(hit_testing.HitTesting.as_view()), name="hit-testing"),
]
