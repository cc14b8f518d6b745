from django.db.transaction import non_atomic_requests
from django.urls import path

from controlplane.identity import people_views, views
from controlplane.identity.throttles import ChatTokenByActor, PasswordByActor, SignInByAddress, SignInByEmail

# Without a transaction around it: see `sign_in`.
session = non_atomic_requests(views.Session.as_view(throttle_classes=(SignInByAddress, SignInByEmail)))
password = non_atomic_requests(views.Password.as_view(throttle_classes=(PasswordByActor,)))

urlpatterns = [
    path("session", session),
    path("session/token", views.SessionToken.as_view(throttle_classes=(ChatTokenByActor,))),
    path("me", views.Me.as_view()),
    path("me/password", password),
    path("members", views.Members.as_view()),
    path("members/<uuid:membership_id>", views.Member.as_view()),
    path("people", people_views.People.as_view()),
    path("people/import", people_views.PeopleImport.as_view()),
    path("people/<uuid:user_id>", people_views.Person.as_view()),
    path("people/<uuid:user_id>/password", people_views.PersonPassword.as_view()),
    path("api-keys", views.ApiKeys.as_view()),
    path("api-keys/<uuid:key_id>", views.ApiKeyDetail.as_view()),
]
